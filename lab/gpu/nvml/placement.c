/* GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt) */
/* Which memory slices of a card are taken, and where an instance can go. Slices are bits of a mask. */
#include "simulation.h"

unsigned int slices_mask(unsigned int start, unsigned int size)
{
    return ((1u << size) - 1u) << start;
}

unsigned int occupied(const struct view *view)
{
    unsigned int taken = 0;
    for (unsigned int i = 0; i < INSTANCES; i++) {
        const struct instance *instance = &view->state->instances[i];
        if (instance->used)
            taken |= slices_mask(instance->start, profile_by_kind(view->card, instance->kind)->size);
    }
    return taken;
}

bool start_allowed(const struct profile *profile, unsigned int start)
{
    for (unsigned int i = 0; i < profile->start_count; i++)
        if (profile->starts[i] == start)
            return true;
    return false;
}

unsigned int free_starts(const struct profile *profile, unsigned int taken)
{
    unsigned int count = 0;
    for (unsigned int i = 0; i < profile->start_count; i++)
        count += !(taken & slices_mask(profile->starts[i], profile->size));
    return count;
}

/* A profile's own places do not overlap, so that as many fit as there are free places. */
unsigned int remaining(const struct view *view, const struct profile *profile)
{
    unsigned int used = 0, places = free_starts(profile, occupied(view));
    for (unsigned int i = 0; i < INSTANCES; i++)
        used += view->state->instances[i].used && view->state->instances[i].kind == profile->kind;
    unsigned int left = used < profile->instances ? profile->instances - used : 0;
    return places < left ? places : left;
}

/* The place that leaves the most places to other instances; of equal ones the last, as the driver does. */
bool choose_start(const struct view *view, const struct profile *profile, unsigned int *start)
{
    unsigned int taken = occupied(view), most = 0;
    bool found = false;
    if (!remaining(view, profile))
        return false;
    for (unsigned int i = 0; i < profile->start_count; i++) {
        unsigned int own = slices_mask(profile->starts[i], profile->size), left = 0;
        for (unsigned int j = 0; j < view->card->profile_count; j++)
            left += free_starts(&view->card->profiles[j], taken | own);
        if (!(taken & own) && (!found || left >= most)) {
            *start = profile->starts[i];
            most = left;
            found = true;
        }
    }
    return found;
}
