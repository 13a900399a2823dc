/* GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt) */
/* Handles: one for each thing, for as long as the process lives. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "simulation.h"

static pthread_mutex_t guard = PTHREAD_MUTEX_INITIALIZER;
static struct nvmlDevice_st *devices;
static struct nvmlGpuInstance_st *instances;
static struct nvmlComputeInstance_st *computes;

static nvmlDevice_t device_handle(unsigned int card, unsigned int instance, unsigned int compute, const char *uuid)
{
    pthread_mutex_lock(&guard);
    struct nvmlDevice_st *found = devices;
    while (found && (strcmp(found->uuid, uuid) || found->card != card))
        found = found->next;
    if (!found && (found = calloc(1, sizeof *found))) {
        found->card = card;
        found->instance = instance;
        found->compute = compute;
        snprintf(found->uuid, sizeof found->uuid, "%s", uuid);
        found->next = devices;
        devices = found;
    }
    pthread_mutex_unlock(&guard);
    return (nvmlDevice_t){found};
}

nvmlDevice_t card_handle(unsigned int card)
{
    return device_handle(card, NO_INSTANCE, NO_INSTANCE, card_at(card)->uuid);
}

nvmlDevice_t mig_handle(unsigned int card, unsigned int instance, unsigned int compute, const char *uuid)
{
    return device_handle(card, instance, compute, uuid);
}

nvmlGpuInstance_t instance_handle(unsigned int card, unsigned int id)
{
    pthread_mutex_lock(&guard);
    struct nvmlGpuInstance_st *found = instances;
    while (found && (found->card != card || found->id != id))
        found = found->next;
    if (!found && (found = calloc(1, sizeof *found))) {
        *found = (struct nvmlGpuInstance_st){card, id, instances};
        instances = found;
    }
    pthread_mutex_unlock(&guard);
    return (nvmlGpuInstance_t){found};
}

nvmlComputeInstance_t compute_handle(unsigned int card, unsigned int instance, unsigned int id)
{
    pthread_mutex_lock(&guard);
    struct nvmlComputeInstance_st *found = computes;
    while (found && (found->card != card || found->instance != instance || found->id != id))
        found = found->next;
    if (!found && (found = calloc(1, sizeof *found))) {
        *found = (struct nvmlComputeInstance_st){card, instance, id, computes};
        computes = found;
    }
    pthread_mutex_unlock(&guard);
    return (nvmlComputeInstance_t){found};
}

bool is_device(nvmlDevice_t device)
{
    pthread_mutex_lock(&guard);
    struct nvmlDevice_st *found = devices;
    while (found && found != device.handle)
        found = found->next;
    pthread_mutex_unlock(&guard);
    return found != NULL;
}

bool is_mig(nvmlDevice_t device)
{
    return device.handle->instance != NO_INSTANCE;
}

bool is_instance(nvmlGpuInstance_t instance)
{
    pthread_mutex_lock(&guard);
    struct nvmlGpuInstance_st *found = instances;
    while (found && found != instance.handle)
        found = found->next;
    pthread_mutex_unlock(&guard);
    return found != NULL;
}

bool is_compute(nvmlComputeInstance_t compute)
{
    pthread_mutex_lock(&guard);
    struct nvmlComputeInstance_st *found = computes;
    while (found && found != compute.handle)
        found = found->next;
    pthread_mutex_unlock(&guard);
    return found != NULL;
}
