/* GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt) */
/* GPU instances: create, destroy and list. */
#include <string.h>

#include "simulation.h"

struct creation {
    unsigned int profile, start, id;
    bool placed;
};

struct instance *instance_find(struct card_state *state, unsigned int id)
{
    for (unsigned int i = 0; i < INSTANCES; i++)
        if (state->instances[i].used && state->instances[i].id == id)
            return &state->instances[i];
    return NULL;
}

/* The driver numbers the nodes of a binary tree over the memory slices: 0 the whole, 1 and 2 its halves, and so on. */
static unsigned int tree_id(const struct card *card, const struct profile *profile, unsigned int start)
{
    return memory_slices(card) / profile->size - 1 + start / profile->size;
}

static nvmlReturn_t create(struct view *view, void *wish)
{
    struct creation *creation = wish;
    const struct profile *profile = profile_by_id(view->card, creation->profile);
    struct instance *instance = view->state->instances;
    if (!view->state->mode)
        return NVML_ERROR_NOT_SUPPORTED;
    if (!profile || (creation->placed && !start_allowed(profile, creation->start)))
        return NVML_ERROR_INVALID_ARGUMENT;
    nvmlReturn_t fault = fault_create(view);
    if (fault)
        return fault;
    if (!remaining(view, profile) || (!creation->placed && !choose_start(view, profile, &creation->start)) ||
        (occupied(view) & slices_mask(creation->start, profile->size)))
        return NVML_ERROR_INSUFFICIENT_RESOURCES;
    while (instance->used)
        instance++;
    creation->id = tree_id(view->card, profile, creation->start);
    memset(instance, 0, sizeof *instance);
    instance->used = 1;
    instance->id = (unsigned char)creation->id;
    instance->kind = (unsigned char)profile->kind;
    instance->start = (unsigned char)creation->start;
    return NVML_SUCCESS;
}

static nvmlReturn_t create_as(nvmlDevice_t device, struct creation *creation, nvmlGpuInstance_t *made)
{
    if (!is_device(device) || is_mig(device) || !made)
        return NVML_ERROR_INVALID_ARGUMENT;
    nvmlReturn_t result = change(device.handle->card, create, creation);
    if (result == NVML_SUCCESS)
        *made = instance_handle(device.handle->card, creation->id);
    return result;
}

nvmlReturn_t nvmlDeviceCreateGpuInstance(nvmlDevice_t device, unsigned int profileId, nvmlGpuInstance_t *gpuInstance)
{
    struct creation creation = {.profile = profileId};
    return create_as(device, &creation, gpuInstance);
}

nvmlReturn_t nvmlDeviceCreateGpuInstanceWithPlacement(nvmlDevice_t device, unsigned int profileId,
                                                      const nvmlGpuInstancePlacement_t *placement,
                                                      nvmlGpuInstance_t *gpuInstance)
{
    if (!placement)
        return NVML_ERROR_INVALID_ARGUMENT;
    struct creation creation = {.profile = profileId, .start = placement->start, .placed = true};
    return create_as(device, &creation, gpuInstance);
}

static nvmlReturn_t destroy(struct view *view, void *wish)
{
    unsigned int id = *(unsigned int *)wish;
    struct instance *instance = instance_find(view->state, id);
    if (!instance)
        return NVML_ERROR_NOT_FOUND;
    if (fault_busy(view->index) || claims_of(view->index, id, NO_INSTANCE))
        return NVML_ERROR_IN_USE;
    for (unsigned int i = 0; i < COMPUTES; i++)
        if (instance->computes[i].used)
            return NVML_ERROR_IN_USE;
    memset(instance, 0, sizeof *instance);
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlGpuInstanceDestroy(nvmlGpuInstance_t gpuInstance)
{
    if (!is_instance(gpuInstance))
        return NVML_ERROR_INVALID_ARGUMENT;
    return change(gpuInstance.handle->card, destroy, &gpuInstance.handle->id);
}

nvmlReturn_t nvmlDeviceGetGpuInstances(nvmlDevice_t device, unsigned int profileId, nvmlGpuInstance_t *gpuInstances,
                                       unsigned int *count)
{
    struct view view;
    nvmlReturn_t result = look(device, &view);
    if (result)
        return result;
    const struct profile *profile = profile_by_id(view.card, profileId);
    if (!count || !profile)
        return NVML_ERROR_INVALID_ARGUMENT;
    *count = 0;
    for (unsigned int id = 0; id < 2 * memory_slices(view.card); id++) {
        const struct instance *instance = instance_find(view.state, id);
        if (instance && instance->kind == profile->kind && instance_visible(view.card, id)) {
            if (gpuInstances)
                gpuInstances[*count] = instance_handle(view.index, id);
            ++*count;
        }
    }
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetGpuInstanceById(nvmlDevice_t device, unsigned int id, nvmlGpuInstance_t *gpuInstance)
{
    struct view view;
    nvmlReturn_t result = look(device, &view);
    if (result)
        return result;
    if (!gpuInstance)
        return NVML_ERROR_INVALID_ARGUMENT;
    if (!instance_find(view.state, id) || !instance_visible(view.card, id))
        return NVML_ERROR_NOT_FOUND;
    *gpuInstance = instance_handle(view.index, id);
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlGpuInstanceGetInfo(nvmlGpuInstance_t gpuInstance, nvmlGpuInstanceInfo_t *info)
{
    struct view view;
    if (!is_instance(gpuInstance) || !info)
        return NVML_ERROR_INVALID_ARGUMENT;
    nvmlReturn_t result = look_at(gpuInstance.handle->card, &view);
    const struct instance *instance = result ? NULL : instance_find(view.state, gpuInstance.handle->id);
    if (!instance)
        return result ? result : NVML_ERROR_NOT_FOUND;
    const struct profile *profile = profile_by_kind(view.card, instance->kind);
    *info = (nvmlGpuInstanceInfo_t){card_handle(view.index), instance->id, profile->id,
                                    {instance->start, profile->size}};
    return NVML_SUCCESS;
}
