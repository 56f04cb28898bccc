/* What the machine can do while the layers are measured. */
#include <linux/perf_event.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/error.h"
#include "base/memory.h"
#include "cbir/cli/bench.h"
#include "layers/probe.h"

/* Of the large buffer, at a time: several slices later the first is in no cache any more. */
#define SLICE ((size_t)8 << 20)
#define WARM_UP 8 /* probes before the first round: a core takes its time to reach its speed */
#define MOST_MEMORY ((size_t)512 << 20)

/* Counts this thread's cycles outside the kernel, where the system lets us. */
static int open_cycles(void)
{
    struct perf_event_attr event = {.type = PERF_TYPE_HARDWARE,
                                    .size = sizeof event,
                                    .config = PERF_COUNT_HW_CPU_CYCLES,
                                    .exclude_kernel = 1,
                                    .exclude_hv = 1};
    return (int)syscall(SYS_perf_event_open, &event, 0, -1, -1, PERF_FLAG_FD_CLOEXEC);
}

void bench_machine_close(bench_machine *machine)
{
    if (machine->cycles >= 0) close(machine->cycles);
    lk_free(machine->memory);
    *machine = (bench_machine){.cycles = -1};
}

static void keep_best(double *best, double seen)
{
    if (seen > *best) *best = seen;
}

void bench_machine_probe(bench_machine *machine)
{
    keep_best(&machine->gflops, lk_probe_gflops());
    const size_t second = machine->second_cache / 512 * 256; /* half of it */
    const size_t last = machine->last_cache / 4 > 4 * second
                            ? 4 * second
                            : 0; /* more than the second, no great part of the last */
    lk_probe_read(machine->memory, second, 1);
    keep_best(&machine->second_gbs, lk_probe_read(machine->memory, second, 8));
    if (last) lk_probe_read(machine->memory, last, 1);
    if (last) keep_best(&machine->last_gbs, lk_probe_read(machine->memory, last, 1));
    machine->at = machine->at + 2 * SLICE <= machine->bytes ? machine->at + SLICE : SLICE;
    keep_best(&machine->memory_gbs, lk_probe_read(machine->memory + machine->at, SLICE, 1));
}

lk_status bench_machine_open(bench_machine *machine)
{
    const size_t wanted = 4 * lk_probe_last_cache();
    const size_t bytes = (wanted < MOST_MEMORY ? wanted : MOST_MEMORY) / SLICE * SLICE + SLICE;
    *machine = (bench_machine){.bytes = bytes,
                               .second_cache = lk_probe_second_cache(),
                               .last_cache = lk_probe_last_cache(),
                               .cycles = -1};
    machine->memory = lk_allocate(bytes, LK_ALIGNMENT);
    if (!machine->memory)
        return lk_fail(LK_ERROR_MEMORY, "out of memory: the bandwidth probe reads %zu bytes", bytes);
    memset(machine->memory, 1, bytes); /* untouched pages are all the same one */
    machine->cycles = open_cycles();
    for (int i = 0; i < WARM_UP; i++) bench_machine_probe(machine);
    return LK_OK;
}

void bench_machine_flush(const bench_machine *machine)
{
    lk_probe_read(machine->memory, machine->bytes, 1);
}

uint64_t bench_machine_cycles(const bench_machine *machine)
{
    uint64_t count;
    if (machine->cycles < 0 || read(machine->cycles, &count, sizeof count) != (ssize_t)sizeof count)
        return BENCH_CYCLES_ABSENT;
    return count;
}

uint64_t bench_machine_cycles_since(const bench_machine *machine, uint64_t before)
{
    const uint64_t now = bench_machine_cycles(machine);
    return before == BENCH_CYCLES_ABSENT || now == BENCH_CYCLES_ABSENT ? BENCH_CYCLES_ABSENT : now - before;
}

/* VmHWM; getrusage tells the same, but counts the process that became this one as well. */
size_t bench_machine_peak(const bench_machine *machine)
{
    FILE *status = fopen("/proc/self/status", "re");
    char line[256];
    size_t kilobytes = 0;
    while (status && fgets(line, sizeof line, status))
        if (sscanf(line, "VmHWM: %zu kB", &kilobytes) == 1) break;
    if (status) fclose(status);
    return kilobytes * 1024 > machine->bytes ? kilobytes * 1024 - machine->bytes : 0;
}
