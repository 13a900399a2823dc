/* GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt) */
/* The cards of this host, read from the file that lab/gpu/cards.py writes. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "simulation.h"

static struct card cards[CARDS];
static unsigned int count;

static void read_starts(struct profile *profile, char *text)
{
    char *rest = NULL;
    char *word = strtok_r(text, ",", &rest);
    for (; word && profile->start_count < STARTS; word = strtok_r(NULL, ",", &rest))
        profile->starts[profile->start_count++] = (unsigned int)strtoul(word, NULL, 10);
}

static bool read_profile(struct card *card, const char *line)
{
    struct profile *profile = &card->profiles[card->profile_count];
    char starts[64];
    if (card->profile_count == PROFILES)
        return false;
    int found = sscanf(line, "%u %u %31s %u %u %63s %u %u %u %u,%u,%u %u", &profile->id, &profile->kind, profile->name,
                       &profile->slices, &profile->size, starts, &profile->memory, &profile->multiprocessors,
                       &profile->copy_engines, &profile->decoders, &profile->jpegs, &profile->flows,
                       &profile->instances);
    if (found != 13)
        return false;
    read_starts(profile, starts);
    card->profile_count++;
    return true;
}

static unsigned int architecture_of(const char *name)
{
    if (!strcmp(name, "turing"))
        return NVML_DEVICE_ARCH_TURING;
    if (!strcmp(name, "hopper"))
        return NVML_DEVICE_ARCH_HOPPER;
    return NVML_DEVICE_ARCH_AMPERE;
}

static bool read_line(struct card *card, const char *key, const char *value)
{
    if (!strcmp(key, "name"))
        snprintf(card->name, sizeof card->name, "%s", value);
    else if (!strcmp(key, "uuid"))
        snprintf(card->uuid, sizeof card->uuid, "%s", value);
    else if (!strcmp(key, "address"))
        snprintf(card->address, sizeof card->address, "%s", value);
    else if (!strcmp(key, "device"))
        card->pci = (unsigned int)strtoul(value, NULL, 16);
    else if (!strcmp(key, "memory"))
        card->memory = (unsigned int)strtoul(value, NULL, 10);
    else if (!strcmp(key, "minor"))
        card->minor = (unsigned int)strtoul(value, NULL, 10);
    else if (!strcmp(key, "architecture"))
        card->architecture = architecture_of(value);
    else if (!strcmp(key, "passthrough"))
        card->passthrough = !strcmp(value, "yes");
    else
        return !strcmp(key, "profile") && read_profile(card, value);
    return true;
}

/* A line is a key, a blank and the value; `card` begins a card, and a line that begins with # is a comment. */
nvmlReturn_t description_read(void)
{
    char path[512], line[256];
    FILE *file = fopen(state_path("cards", path, sizeof path), "re");
    bool good = true;
    count = 0;
    memset(cards, 0, sizeof cards);
    if (!file)
        return NVML_ERROR_DRIVER_NOT_LOADED;
    while (good && fgets(line, sizeof line, file)) {
        line[strcspn(line, "\n")] = '\0';
        char *value = strchr(line, ' ');
        if (line[0] == '#' || line[0] == '\0')
            continue;
        if (!strcmp(line, "card"))
            good = count++ < CARDS;
        else if ((good = value && count))
            *value = '\0', good = read_line(&cards[count - 1], line, value + 1);
    }
    fclose(file);
    return good ? NVML_SUCCESS : NVML_ERROR_UNKNOWN;
}

unsigned int card_count(void)
{
    return count;
}

const struct card *card_at(unsigned int index)
{
    return &cards[index];
}

const struct profile *profile_by_id(const struct card *card, unsigned int id)
{
    for (unsigned int i = 0; i < card->profile_count; i++)
        if (card->profiles[i].id == id)
            return &card->profiles[i];
    return NULL;
}

const struct profile *profile_by_kind(const struct card *card, unsigned int kind)
{
    for (unsigned int i = 0; i < card->profile_count; i++)
        if (card->profiles[i].kind == kind)
            return &card->profiles[i];
    return NULL;
}

unsigned int memory_slices(const struct card *card)
{
    unsigned int most = 0;
    for (unsigned int i = 0; i < card->profile_count; i++)
        most = card->profiles[i].size > most ? card->profiles[i].size : most;
    return most;
}

unsigned int most_instances(const struct card *card)
{
    unsigned int most = 0;
    for (unsigned int i = 0; i < card->profile_count; i++)
        most = card->profiles[i].instances > most ? card->profiles[i].instances : most;
    return most;
}
