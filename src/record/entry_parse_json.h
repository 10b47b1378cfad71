/* An entry of LOG_FORMAT=json, for entry_parse.c alone. */
#ifndef PBU_ENTRY_PARSE_JSON_H
#define PBU_ENTRY_PARSE_JSON_H

#include "record/entry_parse.h"

/* Takes it apart; where only the time is wanted nothing is decoded. */
void entry_parse_json(struct entry_parse *t, const char *entry, size_t len, bool time_only,
    struct entry_fields *fields);

#endif
