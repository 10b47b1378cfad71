#include "json/value.h"

bool
value_is_integer(struct value v)
{
	if (v.type != VALUE_NUMBER)
		return false;
	for (size_t i = 0; i < v.len; i++) {
		if ((v.text[i] < '0' || v.text[i] > '9') && v.text[i] != '-')
			return false; /* a fraction, an exponent, NaN, Infinity */
	}
	return v.len > 0;
}
