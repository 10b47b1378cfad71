#include "python/pybool.h"

#include "json/json.h"

#include <stdlib.h>

static bool
number_truthy(struct value v)
{
	size_t i = 0;

	/* Zeros alone are 0, whatever the exponent; in an int anything else is not. */
	while (i < v.len && (v.text[i] == '-' || v.text[i] == '0' || v.text[i] == '.'))
		i++;
	if (i == v.len || v.text[i] == 'e' || v.text[i] == 'E')
		return false;
	/* What is left to find are floats so small that Python has read 0.0: 1e-400. */
	return value_is_integer(v) || strtod(v.text, NULL) != 0;
}

bool
pybool(struct value v)
{
	switch (v.type) {
	case VALUE_ABSENT:
	case VALUE_NULL:
	case VALUE_FALSE: return false;
	case VALUE_TRUE: return true;
	case VALUE_NUMBER: return number_truthy(v);
	case VALUE_STRING: return v.len > 0;
	case VALUE_LITERAL: return true; /* args that could not be read (pyformat.h) are some */
	case VALUE_ARRAY:
	case VALUE_OBJECT: return json_first(v) != NULL;
	}
	return false;
}
