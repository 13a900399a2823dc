/* GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt) */
/* The profiles of compute instances: one for each number of slices; their identifiers are NVML's constants. */
#include <stdio.h>
#include <string.h>

#include "simulation.h"

static const unsigned int slices_of[] = {1, 2, 3, 4, 7};
#define KINDS (sizeof slices_of / sizeof slices_of[0])

/* 0 for a profile that these cards have not got. */
unsigned int compute_slices(unsigned int profile)
{
    return profile < KINDS ? slices_of[profile] : 0;
}

unsigned int compute_profile(unsigned int slices)
{
    unsigned int profile = 0;
    while (profile < KINDS - 1 && slices_of[profile] != slices)
        profile++;
    return profile;
}

unsigned int compute_occupied(const struct instance *instance)
{
    unsigned int taken = 0;
    for (unsigned int i = 0; i < COMPUTES; i++)
        if (instance->computes[i].used)
            taken |= slices_mask(instance->computes[i].start, instance->computes[i].slices);
    return taken;
}

nvmlReturn_t look_into(nvmlGpuInstance_t gpuInstance, struct view *view, struct instance **instance)
{
    if (!is_instance(gpuInstance))
        return NVML_ERROR_INVALID_ARGUMENT;
    nvmlReturn_t result = look_at(gpuInstance.handle->card, view);
    if (result)
        return result;
    *instance = instance_find(view->state, gpuInstance.handle->id);
    return *instance ? NVML_SUCCESS : NVML_ERROR_NOT_FOUND;
}

static nvmlReturn_t find_profile(nvmlGpuInstance_t gpuInstance, unsigned int profile, struct view *view,
                                 struct instance **instance, const struct profile **parent)
{
    nvmlReturn_t result = look_into(gpuInstance, view, instance);
    if (result)
        return result;
    *parent = profile_by_kind(view->card, (*instance)->kind);
    if (profile >= NVML_COMPUTE_INSTANCE_PROFILE_COUNT)
        return NVML_ERROR_INVALID_ARGUMENT;
    return compute_slices(profile) && compute_slices(profile) <= (*parent)->slices ? NVML_SUCCESS
                                                                                   : NVML_ERROR_NOT_SUPPORTED;
}

static nvmlComputeInstanceProfileInfo_t first_version(const struct profile *parent, unsigned int profile)
{
    unsigned int slices = compute_slices(profile);
    return (nvmlComputeInstanceProfileInfo_t){
        .id = profile,
        .sliceCount = slices,
        .instanceCount = parent->slices / slices,
        .multiprocessorCount = parent->multiprocessors * slices / parent->slices,
        .sharedCopyEngineCount = parent->copy_engines,
        .sharedDecoderCount = parent->decoders,
        .sharedJpegCount = parent->jpegs,
        .sharedOfaCount = parent->flows,
    };
}

nvmlReturn_t nvmlGpuInstanceGetComputeInstanceProfileInfo(nvmlGpuInstance_t gpuInstance, unsigned int profile,
                                                          unsigned int engProfile,
                                                          nvmlComputeInstanceProfileInfo_t *info)
{
    struct view view;
    struct instance *instance;
    const struct profile *parent;
    if (!info || engProfile >= NVML_COMPUTE_INSTANCE_ENGINE_PROFILE_COUNT)
        return NVML_ERROR_INVALID_ARGUMENT;
    nvmlReturn_t result = find_profile(gpuInstance, profile, &view, &instance, &parent);
    if (result == NVML_SUCCESS)
        *info = first_version(parent, profile);
    return result;
}

nvmlReturn_t nvmlGpuInstanceGetComputeInstanceProfileInfoV(nvmlGpuInstance_t gpuInstance, unsigned int profile,
                                                           unsigned int engProfile,
                                                           nvmlComputeInstanceProfileInfo_v2_t *info)
{
    struct view view;
    struct instance *instance;
    const struct profile *parent;
    if (!info || engProfile >= NVML_COMPUTE_INSTANCE_ENGINE_PROFILE_COUNT)
        return NVML_ERROR_INVALID_ARGUMENT;
    nvmlReturn_t result = find_profile(gpuInstance, profile, &view, &instance, &parent);
    if (result)
        return result;
    if (info->version != nvmlComputeInstanceProfileInfo_v2 && info->version != nvmlComputeInstanceProfileInfo_v3)
        return NVML_ERROR_ARGUMENT_VERSION_MISMATCH;
    nvmlComputeInstanceProfileInfo_t plain = first_version(parent, profile);
    memcpy(&info->id, &plain, sizeof plain);
    if (plain.sliceCount == parent->slices)
        snprintf(info->name, sizeof info->name, "MIG %s", parent->name);
    else
        snprintf(info->name, sizeof info->name, "MIG %uc.%s", plain.sliceCount, parent->name);
    if (info->version == nvmlComputeInstanceProfileInfo_v3)
        ((nvmlComputeInstanceProfileInfo_v3_t *)info)->capabilities = 0;
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlGpuInstanceGetComputeInstancePossiblePlacements(nvmlGpuInstance_t gpuInstance, unsigned int profileId,
                                                                 nvmlComputeInstancePlacement_t *placements,
                                                                 unsigned int *count)
{
    struct view view;
    struct instance *instance;
    const struct profile *parent;
    nvmlReturn_t result = count ? find_profile(gpuInstance, profileId, &view, &instance, &parent)
                                : NVML_ERROR_INVALID_ARGUMENT;
    if (result)
        return result;
    unsigned int slices = compute_slices(profileId);
    *count = parent->slices / slices;
    for (unsigned int i = 0; placements && i < *count; i++)
        placements[i] = (nvmlComputeInstancePlacement_t){i * slices, slices};
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlGpuInstanceGetComputeInstanceRemainingCapacity(nvmlGpuInstance_t gpuInstance, unsigned int profileId,
                                                                unsigned int *count)
{
    struct view view;
    struct instance *instance;
    const struct profile *parent;
    nvmlReturn_t result = count ? find_profile(gpuInstance, profileId, &view, &instance, &parent)
                                : NVML_ERROR_INVALID_ARGUMENT;
    if (result)
        return result;
    unsigned int slices = compute_slices(profileId), taken = compute_occupied(instance);
    *count = 0;
    for (unsigned int start = 0; start + slices <= parent->slices; start += slices)
        *count += !(taken & slices_mask(start, slices));
    return NVML_SUCCESS;
}
