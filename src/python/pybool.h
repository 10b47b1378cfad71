/* Python's bool(). */
#ifndef PBU_PYBOOL_H
#define PBU_PYBOOL_H

#include "json/value.h"

/* False for nothing, None, False, 0, 0.0, "", [] and {}; true for any LITERAL. */
bool pybool(struct value v);

#endif
