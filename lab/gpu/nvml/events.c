/* GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt) */
/* Events: none ever happens, but one can wait for them. */
#include <stdlib.h>
#include <unistd.h>

#include "simulation.h"

struct nvmlEventSet_st {
    unsigned long long types;
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
    if (result == NVML_SUCCESS)
        set.handle->types |= eventTypes;
    return result;
}

nvmlReturn_t nvmlEventSetWait_v2(nvmlEventSet_t set, nvmlEventData_t *data, unsigned int timeoutms)
{
    if (!set.handle || !data)
        return NVML_ERROR_INVALID_ARGUMENT;
    usleep(timeoutms * 1000u);
    return NVML_ERROR_TIMEOUT;
}

nvmlReturn_t nvmlEventSetWait(nvmlEventSet_t set, nvmlEventData_t *data, unsigned int timeoutms)
{
    return nvmlEventSetWait_v2(set, data, timeoutms);
}
