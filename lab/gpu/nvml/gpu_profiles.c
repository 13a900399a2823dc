/* GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt) */
/* The profiles of GPU instances: what they hold, where they may lie, how many more fit. */
#include <stdio.h>

#include "simulation.h"

static nvmlReturn_t find_profile(nvmlDevice_t device, unsigned int number, bool by_kind, struct view *view,
                                 const struct profile **profile)
{
    nvmlReturn_t result = look(device, view);
    if (result)
        return result;
    if (is_mig(device) || (by_kind && number >= NVML_GPU_INSTANCE_PROFILE_COUNT))
        return NVML_ERROR_INVALID_ARGUMENT;
    *profile = by_kind ? profile_by_kind(view->card, number) : profile_by_id(view->card, number);
    if (*profile)
        return NVML_SUCCESS;
    return by_kind || !view->card->profile_count ? NVML_ERROR_NOT_SUPPORTED : NVML_ERROR_INVALID_ARGUMENT;
}

static nvmlGpuInstanceProfileInfo_t first_version(const struct profile *profile)
{
    return (nvmlGpuInstanceProfileInfo_t){
        .id = profile->id,
        .sliceCount = profile->slices,
        .instanceCount = profile->instances,
        .multiprocessorCount = profile->multiprocessors,
        .copyEngineCount = profile->copy_engines,
        .decoderCount = profile->decoders,
        .jpegCount = profile->jpegs,
        .ofaCount = profile->flows,
        .memorySizeMB = profile->memory,
    };
}

/* Versions 2 and 3 differ in P2P, which no profile of these cards has, and in the capabilities at the end. As a real
 * driver does, the answer has no version, and that of version 3 no name. */
static nvmlReturn_t versioned(const struct profile *profile, nvmlGpuInstanceProfileInfo_v2_t *info)
{
    nvmlGpuInstanceProfileInfo_t plain = first_version(profile);
    if (info->version == nvmlGpuInstanceProfileInfo_v3) {
        *(nvmlGpuInstanceProfileInfo_v3_t *)info = (nvmlGpuInstanceProfileInfo_v3_t){
            0,                       plain.id,           plain.sliceCount,   plain.instanceCount,
            plain.multiprocessorCount, plain.copyEngineCount, plain.decoderCount, plain.encoderCount,
            plain.jpegCount,         plain.ofaCount,     plain.memorySizeMB, "", 0};
        return NVML_SUCCESS;
    }
    if (info->version != nvmlGpuInstanceProfileInfo_v2)
        return NVML_ERROR_ARGUMENT_VERSION_MISMATCH;
    *info = (nvmlGpuInstanceProfileInfo_v2_t){
        0,                       plain.id,              plain.isP2pSupported, plain.sliceCount, plain.instanceCount,
        plain.multiprocessorCount, plain.copyEngineCount, plain.decoderCount, plain.encoderCount, plain.jpegCount,
        plain.ofaCount,          plain.memorySizeMB,    ""};
    snprintf(info->name, sizeof info->name, "MIG %s", profile->name);
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetGpuInstanceProfileInfo(nvmlDevice_t device, unsigned int profile,
                                                 nvmlGpuInstanceProfileInfo_t *info)
{
    struct view view;
    const struct profile *found;
    nvmlReturn_t result = info ? find_profile(device, profile, true, &view, &found) : NVML_ERROR_INVALID_ARGUMENT;
    if (result == NVML_SUCCESS)
        *info = first_version(found);
    return result;
}

nvmlReturn_t nvmlDeviceGetGpuInstanceProfileInfoV(nvmlDevice_t device, unsigned int profile,
                                                  nvmlGpuInstanceProfileInfo_v2_t *info)
{
    struct view view;
    const struct profile *found;
    nvmlReturn_t result = info ? find_profile(device, profile, true, &view, &found) : NVML_ERROR_INVALID_ARGUMENT;
    return result ? result : versioned(found, info);
}

nvmlReturn_t nvmlDeviceGetGpuInstanceProfileInfoByIdV(nvmlDevice_t device, unsigned int profileId,
                                                      nvmlGpuInstanceProfileInfo_v2_t *info)
{
    struct view view;
    const struct profile *found;
    nvmlReturn_t result = info ? find_profile(device, profileId, false, &view, &found) : NVML_ERROR_INVALID_ARGUMENT;
    return result ? result : versioned(found, info);
}

nvmlReturn_t nvmlDeviceGetGpuInstancePossiblePlacements_v2(nvmlDevice_t device, unsigned int profileId,
                                                           nvmlGpuInstancePlacement_t *placements, unsigned int *count)
{
    struct view view;
    const struct profile *profile;
    nvmlReturn_t result = count ? find_profile(device, profileId, false, &view, &profile) : NVML_ERROR_INVALID_ARGUMENT;
    if (result)
        return result;
    *count = profile->start_count;
    for (unsigned int i = 0; placements && i < *count; i++)
        placements[i] = (nvmlGpuInstancePlacement_t){profile->starts[i], profile->size};
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetGpuInstanceRemainingCapacity(nvmlDevice_t device, unsigned int profileId, unsigned int *count)
{
    struct view view;
    const struct profile *profile;
    nvmlReturn_t result = count ? find_profile(device, profileId, false, &view, &profile) : NVML_ERROR_INVALID_ARGUMENT;
    if (result)
        return result;
    *count = remaining(&view, profile);
    return NVML_SUCCESS;
}
