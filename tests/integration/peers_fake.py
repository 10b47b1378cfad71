"""A peer that answers whatever it is told to."""


class FakePeer: pass
def entry(): pass
