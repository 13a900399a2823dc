/* GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt) */
/* What a process may see: that whose device nodes it can reach.
 *
 * No driver answers at the nodes of the simulation. So open(2) fails with ENXIO where the node is there and both its
 * permissions and the device cgroup allow it, and otherwise where they do not. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "simulation.h"

#define FIRST_INSTANCE_CAPABILITY 3u
#define INSTANCES_OF_CARD 15u
#define COMPUTES_OF_INSTANCE 8u
#define CONFIGURATION "/dev/nvidia-caps/nvidia-cap1"

static int reach(const char *path, int how)
{
    int file = open(path, how | O_CLOEXEC);
    if (file < 0)
        return errno == ENXIO ? 0 : errno;
    close(file);
    return 0;
}

nvmlReturn_t driver_reachable(void)
{
    switch (reach("/dev/nvidiactl", O_RDWR)) {
    case 0:
        return NVML_SUCCESS;
    case EACCES:
        return NVML_ERROR_NO_PERMISSION;
    case EPERM:
        return NVML_ERROR_UNKNOWN;
    default:
        return NVML_ERROR_DRIVER_NOT_LOADED;
    }
}

bool card_visible(const struct card *card)
{
    char path[64];
    snprintf(path, sizeof path, "/dev/nvidia%u", card->minor);
    return reach(path, O_RDWR) == 0;
}

/* The minor numbers are those of /proc/driver/nvidia-caps/mig-minors, which a pod's own /proc has not got here. */
static unsigned int capability(const struct card *card, unsigned int instance)
{
    return FIRST_INSTANCE_CAPABILITY + (card->minor * INSTANCES_OF_CARD + instance) * (COMPUTES_OF_INSTANCE + 1);
}

static bool capability_reachable(unsigned int minor)
{
    char path[64];
    snprintf(path, sizeof path, "/dev/nvidia-caps/nvidia-cap%u", minor);
    return reach(path, O_RDONLY) == 0;
}

bool instance_visible(const struct card *card, unsigned int instance)
{
    return capability_reachable(capability(card, instance));
}

bool compute_visible(const struct card *card, unsigned int instance, unsigned int compute)
{
    return instance_visible(card, instance) && capability_reachable(capability(card, instance) + 1 + compute);
}

bool may_configure(void)
{
    return geteuid() == 0 && reach(CONFIGURATION, O_RDONLY) == 0;
}
