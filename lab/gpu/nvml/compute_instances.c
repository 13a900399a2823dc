/* GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt) */
/* Compute instances: create, destroy and list. They divide the compute slices of their GPU instance. */
#include <string.h>

#include "simulation.h"

struct creation {
    unsigned int instance, profile, start, id;
    bool placed;
};

struct compute *compute_find(struct instance *instance, unsigned int id)
{
    for (unsigned int i = 0; i < COMPUTES; i++)
        if (instance->computes[i].used && instance->computes[i].id == id)
            return &instance->computes[i];
    return NULL;
}

static unsigned int lowest_id(struct instance *instance)
{
    unsigned int id = 0;
    while (compute_find(instance, id))
        id++;
    return id;
}

static bool choose_place(const struct instance *instance, unsigned int whole, struct creation *creation,
                         unsigned int slices)
{
    unsigned int taken = compute_occupied(instance);
    for (unsigned int start = 0; start + slices <= whole; start += slices) {
        if (!(taken & slices_mask(start, slices)) && (!creation->placed || creation->start == start)) {
            creation->start = start;
            return true;
        }
    }
    return false;
}

static nvmlReturn_t create(struct view *view, void *wish)
{
    struct creation *creation = wish;
    struct instance *instance = instance_find(view->state, creation->instance);
    if (!instance)
        return NVML_ERROR_NOT_FOUND;
    unsigned int whole = profile_by_kind(view->card, instance->kind)->slices;
    unsigned int slices = compute_slices(creation->profile);
    if (!slices || slices > whole || (creation->placed && creation->start % slices))
        return NVML_ERROR_INVALID_ARGUMENT;
    nvmlReturn_t fault = fault_create(view);
    if (fault)
        return fault;
    if (!choose_place(instance, whole, creation, slices))
        return NVML_ERROR_INSUFFICIENT_RESOURCES;
    struct compute *compute = instance->computes;
    creation->id = lowest_id(instance);
    while (compute->used)
        compute++;
    compute->used = 1;
    compute->id = (unsigned char)creation->id;
    compute->slices = (unsigned char)slices;
    compute->start = (unsigned char)creation->start;
    random_bytes(compute->uuid, sizeof compute->uuid);
    return NVML_SUCCESS;
}

static nvmlReturn_t create_in(nvmlGpuInstance_t gpuInstance, struct creation *creation, nvmlComputeInstance_t *made)
{
    if (!is_instance(gpuInstance) || !made)
        return NVML_ERROR_INVALID_ARGUMENT;
    creation->instance = gpuInstance.handle->id;
    nvmlReturn_t result = change(gpuInstance.handle->card, create, creation);
    if (result == NVML_SUCCESS)
        *made = compute_handle(gpuInstance.handle->card, gpuInstance.handle->id, creation->id);
    return result;
}

nvmlReturn_t nvmlGpuInstanceCreateComputeInstance(nvmlGpuInstance_t gpuInstance, unsigned int profileId,
                                                  nvmlComputeInstance_t *computeInstance)
{
    struct creation creation = {.profile = profileId};
    return create_in(gpuInstance, &creation, computeInstance);
}

nvmlReturn_t nvmlGpuInstanceCreateComputeInstanceWithPlacement(nvmlGpuInstance_t gpuInstance, unsigned int profileId,
                                                               const nvmlComputeInstancePlacement_t *placement,
                                                               nvmlComputeInstance_t *computeInstance)
{
    if (!placement)
        return NVML_ERROR_INVALID_ARGUMENT;
    struct creation creation = {.profile = profileId, .start = placement->start, .placed = true};
    return create_in(gpuInstance, &creation, computeInstance);
}

static nvmlReturn_t destroy(struct view *view, void *wish)
{
    const struct nvmlComputeInstance_st *handle = wish;
    struct instance *instance = instance_find(view->state, handle->instance);
    struct compute *compute = instance ? compute_find(instance, handle->id) : NULL;
    if (!compute)
        return NVML_ERROR_NOT_FOUND;
    if (fault_busy(view->index) || claims_of(view->index, handle->instance, handle->id))
        return NVML_ERROR_IN_USE;
    memset(compute, 0, sizeof *compute);
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlComputeInstanceDestroy(nvmlComputeInstance_t computeInstance)
{
    if (!is_compute(computeInstance))
        return NVML_ERROR_INVALID_ARGUMENT;
    return change(computeInstance.handle->card, destroy, computeInstance.handle);
}

nvmlReturn_t nvmlGpuInstanceGetComputeInstances(nvmlGpuInstance_t gpuInstance, unsigned int profileId,
                                                nvmlComputeInstance_t *computeInstances, unsigned int *count)
{
    struct view view;
    struct instance *instance;
    nvmlReturn_t result = look_into(gpuInstance, &view, &instance);
    if (result)
        return result;
    if (!count || !compute_slices(profileId))
        return NVML_ERROR_INVALID_ARGUMENT;
    *count = 0;
    for (unsigned int id = 0; id < COMPUTES; id++) {
        const struct compute *compute = compute_find(instance, id);
        if (compute && compute->slices == compute_slices(profileId)) {
            if (computeInstances)
                computeInstances[*count] = compute_handle(view.index, instance->id, id);
            ++*count;
        }
    }
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlGpuInstanceGetComputeInstanceById(nvmlGpuInstance_t gpuInstance, unsigned int id,
                                                   nvmlComputeInstance_t *computeInstance)
{
    struct view view;
    struct instance *instance;
    nvmlReturn_t result = look_into(gpuInstance, &view, &instance);
    if (result)
        return result;
    if (!computeInstance)
        return NVML_ERROR_INVALID_ARGUMENT;
    if (!compute_find(instance, id))
        return NVML_ERROR_NOT_FOUND;
    *computeInstance = compute_handle(view.index, instance->id, id);
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlComputeInstanceGetInfo_v2(nvmlComputeInstance_t computeInstance, nvmlComputeInstanceInfo_t *info)
{
    struct view view;
    struct instance *instance;
    if (!is_compute(computeInstance) || !info)
        return NVML_ERROR_INVALID_ARGUMENT;
    const struct nvmlComputeInstance_st *handle = computeInstance.handle;
    nvmlGpuInstance_t parent = instance_handle(handle->card, handle->instance);
    nvmlReturn_t result = look_into(parent, &view, &instance);
    const struct compute *compute = result ? NULL : compute_find(instance, handle->id);
    if (!compute)
        return result ? result : NVML_ERROR_NOT_FOUND;
    *info = (nvmlComputeInstanceInfo_t){card_handle(view.index), parent, compute->id, compute_profile(compute->slices),
                                        {compute->start, compute->slices}};
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlComputeInstanceGetInfo(nvmlComputeInstance_t computeInstance, nvmlComputeInstanceInfo_t *info)
{
    return nvmlComputeInstanceGetInfo_v2(computeInstance, info);
}
