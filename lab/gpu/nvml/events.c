/* GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt) */
/* Events: the one that happens is that a card falls off the bus, once for each set that asked for critical errors. */
#include <poll.h>
#include <stdlib.h>

#include "simulation.h"

#define XID_FALLEN_OFF_THE_BUS 79
#define LOOK_EVERY 200u

struct nvmlEventSet_st {
    unsigned int watched, told;
};

nvmlReturn_t nvmlEventSetCreate(nvmlEventSet_t *set)
{
    if (!set)
        return NVML_ERROR_INVALID_ARGUMENT;
    set->handle = calloc(1, sizeof *set->handle);
    return set->handle ? NVML_SUCCESS : NVML_ERROR_MEMORY;
}

nvmlReturn_t nvmlEventSetFree(nvmlEventSet_t set)
{
    free(set.handle);
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetSupportedEventTypes(nvmlDevice_t device, unsigned long long *eventTypes)
{
    struct view view;
    nvmlReturn_t result = eventTypes ? look(device, &view) : NVML_ERROR_INVALID_ARGUMENT;
    if (result == NVML_SUCCESS)
        *eventTypes = nvmlEventTypeXidCriticalError | nvmlEventTypeDoubleBitEccError | nvmlEventTypeSingleBitEccError;
    return result;
}

nvmlReturn_t nvmlDeviceRegisterEvents(nvmlDevice_t device, unsigned long long eventTypes, nvmlEventSet_t set)
{
    struct view view;
    nvmlReturn_t result = set.handle ? look(device, &view) : NVML_ERROR_INVALID_ARGUMENT;
    if (result == NVML_SUCCESS && (eventTypes & nvmlEventTypeXidCriticalError))
        set.handle->watched |= 1u << view.index;
    return result;
}

static bool happened(struct nvmlEventSet_st *set, nvmlEventData_t *data)
{
    for (unsigned int card = 0; card < card_count(); card++) {
        unsigned int bit = 1u << card;
        if (!(set->watched & bit) || (set->told & bit) || !fault_lost(card))
            continue;
        set->told |= bit;
        *data = (nvmlEventData_t){card_handle(card), nvmlEventTypeXidCriticalError, XID_FALLEN_OFF_THE_BUS, NO_INSTANCE,
                                  NO_INSTANCE};
        return true;
    }
    return false;
}

nvmlReturn_t nvmlEventSetWait_v2(nvmlEventSet_t set, nvmlEventData_t *data, unsigned int timeoutms)
{
    if (!set.handle || !data)
        return NVML_ERROR_INVALID_ARGUMENT;
    while (!happened(set.handle, data)) {
        if (!timeoutms)
            return NVML_ERROR_TIMEOUT;
        unsigned int step = timeoutms < LOOK_EVERY ? timeoutms : LOOK_EVERY;
        poll(NULL, 0, (int)step);
        timeoutms -= step;
    }
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlEventSetWait(nvmlEventSet_t set, nvmlEventData_t *data, unsigned int timeoutms)
{
    return nvmlEventSetWait_v2(set, data, timeoutms);
}
