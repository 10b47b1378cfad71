#include "base/status.h"

static const struct {
	enum status status;
	const char *reason;
} statuses[STATUS_COUNT] = {
#define ROW(number, reason) {STATUS_##number, reason},
    STATUS_LIST(ROW)
#undef ROW
};

int
status_index(int status)
{
	for (int i = 0; i < STATUS_COUNT; i++) {
		if ((int)statuses[i].status == status)
			return i;
	}
	return STATUS_PLACE_500;
}

const char *
status_reason(int status)
{
	return statuses[status_index(status)].reason;
}

enum status
status_at(int index)
{
	return statuses[index].status;
}
