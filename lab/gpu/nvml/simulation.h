/* GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt) */
/* A SIMULATION of the NVIDIA driver's management library: cards that are described in a file, with persistent state. */
#ifndef SIMULATION_H
#define SIMULATION_H

#include <stdbool.h>
#include <stddef.h>

#include "nvml.h"

#define CARDS 16
#define PROFILES 12
#define STARTS 8
#define INSTANCES 8
#define COMPUTES 8
#define LISTED 256
#define NO_INSTANCE 0xFFFFFFFFu
#define MEBIBYTE (1024ull * 1024ull)
#define MEMORY_OF_A_CLIENT (256ull * MEBIBYTE)

struct profile {
    unsigned int id, kind, slices, size, memory, multiprocessors, copy_engines, decoders, jpegs, flows, instances;
    unsigned int start_count, starts[STARTS];
    char name[32];
};

struct card {
    char name[NVML_DEVICE_NAME_V2_BUFFER_SIZE], uuid[64], address[NVML_DEVICE_PCI_BUS_ID_BUFFER_SIZE];
    unsigned int pci, memory, minor, architecture, profile_count;
    bool passthrough;
    struct profile profiles[PROFILES];
};

/* What is written to the state file, as it is. An instance with `used` 0 does not exist. */
struct compute {
    unsigned char used, id, slices, start, uuid[16];
};

struct instance {
    unsigned char used, id, kind, start;
    struct compute computes[COMPUTES];
};

struct card_state {
    char uuid[64];
    unsigned int mode, pending, creates;
    struct instance instances[INSTANCES];
};

struct state {
    unsigned int format, padding;
    long long faults_written;
    struct card_state cards[CARDS];
};

/* What handles point to. They are never freed: a handle of an instance that is gone must be recognised as such. */
struct nvmlDevice_st {
    unsigned int card, instance, compute;
    char uuid[64];
    struct nvmlDevice_st *next;
};

struct nvmlGpuInstance_st {
    unsigned int card, id;
    struct nvmlGpuInstance_st *next;
};

struct nvmlComputeInstance_st {
    unsigned int card, instance, id;
    struct nvmlComputeInstance_st *next;
};

/* A card as a call sees it; `all` is the whole state, of which `state` is the card's part. */
struct view {
    unsigned int index;
    const struct card *card;
    struct card_state *state;
    struct state all;
};

struct claim {
    unsigned int pid, card, instance, compute;
};

/* description.c */
nvmlReturn_t description_read(void);
unsigned int card_count(void);
const struct card *card_at(unsigned int index);
const struct profile *profile_by_id(const struct card *card, unsigned int id);
const struct profile *profile_by_kind(const struct card *card, unsigned int kind);
unsigned int memory_slices(const struct card *card);
unsigned int most_instances(const struct card *card);

/* state.c */
const char *state_path(const char *name, char *path, size_t length);
int state_lock(void);
void state_read(struct state *state);
nvmlReturn_t state_write(const struct state *state);
void state_settle(void);
void random_bytes(unsigned char *bytes, size_t length);

/* views.c */
nvmlReturn_t look(nvmlDevice_t device, struct view *view);
nvmlReturn_t look_at(unsigned int card, struct view *view);
nvmlReturn_t change(unsigned int card, nvmlReturn_t (*step)(struct view *view, void *wish), void *wish);
nvmlReturn_t copy_text(char *target, unsigned int length, const char *text);

/* visibility.c */
nvmlReturn_t driver_reachable(void);
bool card_visible(const struct card *card);
bool instance_visible(const struct card *card, unsigned int instance);
bool compute_visible(const struct card *card, unsigned int instance, unsigned int compute);
bool may_configure(void);

/* library.c */
bool initialized(void);

/* handles.c */
nvmlDevice_t card_handle(unsigned int card);
nvmlDevice_t mig_handle(unsigned int card, unsigned int instance, unsigned int compute, const char *uuid);
nvmlGpuInstance_t instance_handle(unsigned int card, unsigned int id);
nvmlComputeInstance_t compute_handle(unsigned int card, unsigned int instance, unsigned int id);
bool is_device(nvmlDevice_t device);
bool is_mig(nvmlDevice_t device);
bool is_instance(nvmlGpuInstance_t instance);
bool is_compute(nvmlComputeInstance_t compute);

/* faults.c */
bool fault_lost(unsigned int card);
bool fault_busy(unsigned int card);
unsigned long long fault_ecc(unsigned int card);
nvmlReturn_t fault_create(struct view *view);

/* claims.c */
unsigned int claims_list(struct claim *claims, unsigned int room);
unsigned int claims_of(unsigned int card, unsigned int instance, unsigned int compute);

/* processes.c */
nvmlReturn_t claims_on(nvmlDevice_t device, struct claim *claims, unsigned int room, unsigned int *found);

/* placement.c */
unsigned int occupied(const struct view *view);
unsigned int free_starts(const struct profile *profile, unsigned int taken);
unsigned int remaining(const struct view *view, const struct profile *profile);
bool choose_start(const struct view *view, const struct profile *profile, unsigned int *start);
bool start_allowed(const struct profile *profile, unsigned int start);
unsigned int slices_mask(unsigned int start, unsigned int size);

/* gpu_instances.c */
struct instance *instance_find(struct card_state *state, unsigned int id);

/* compute_profiles.c, compute_instances.c */
unsigned int compute_slices(unsigned int profile);
unsigned int compute_profile(unsigned int slices);
unsigned int compute_occupied(const struct instance *instance);
nvmlReturn_t look_into(nvmlGpuInstance_t gpuInstance, struct view *view, struct instance **instance);
struct compute *compute_find(struct instance *instance, unsigned int id);

/* mig_devices.c */
nvmlReturn_t look_mig(nvmlDevice_t device, struct view *view, struct instance **instance, struct compute **compute);
nvmlReturn_t mig_index(nvmlDevice_t device, unsigned int *index);
nvmlReturn_t mig_by_uuid(unsigned int card, const char *uuid, nvmlDevice_t *device);
void mig_uuid(const struct compute *compute, char *text);

/* mode.c */
nvmlReturn_t card_reset(unsigned int card);

#endif
