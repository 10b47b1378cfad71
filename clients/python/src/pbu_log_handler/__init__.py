"""A logging.Handler for a PBU Log Server."""

from .handler import LogServerHandler

__all__ = ["LogServerHandler"]
