// A plugin for qemu-user 7: how many instructions ran from where between one reading of the clock and the next. On
// stderr, at each reading, "address instructions" a line for each translated block that ran since the last, then
// "clock". The few declarations of qemu-plugin.h that it needs are here, for Debian ships no header.
#include <inttypes.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

typedef uint64_t qemu_plugin_id_t;
struct qemu_plugin_tb;
extern void qemu_plugin_register_vcpu_tb_trans_cb(qemu_plugin_id_t, void (*)(qemu_plugin_id_t, struct qemu_plugin_tb*));
extern size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb*);
extern uint64_t qemu_plugin_tb_vaddr(const struct qemu_plugin_tb*);
extern void qemu_plugin_register_vcpu_tb_exec_inline(struct qemu_plugin_tb*, int operation, void* counter,
                                                     uint64_t value);
typedef void (*syscall_callback)(qemu_plugin_id_t, unsigned vcpu, int64_t number, uint64_t, uint64_t, uint64_t,
                                 uint64_t, uint64_t, uint64_t, uint64_t, uint64_t);
extern void qemu_plugin_register_vcpu_syscall_cb(qemu_plugin_id_t, syscall_callback);

enum { kAddToCounter = 0, kClockGettime = 113 };  // 113: of aarch64, where qemu-user maps no vDSO

struct block {
  uint64_t address, instructions;
  struct block* next;
};
static struct block* blocks;

static void translated(qemu_plugin_id_t id, struct qemu_plugin_tb* tb) {
  struct block* block = calloc(1, sizeof *block);
  (void)id;
  if (block == NULL) abort();
  block->address = qemu_plugin_tb_vaddr(tb);
  block->next = blocks;
  blocks = block;
  qemu_plugin_register_vcpu_tb_exec_inline(tb, kAddToCounter, &block->instructions, qemu_plugin_tb_n_insns(tb));
}

static void called(qemu_plugin_id_t id, unsigned vcpu, int64_t number, uint64_t a, uint64_t b, uint64_t c, uint64_t d,
                   uint64_t e, uint64_t f, uint64_t g, uint64_t h) {
  (void)id, (void)vcpu, (void)a, (void)b, (void)c, (void)d, (void)e, (void)f, (void)g, (void)h;
  if (number != kClockGettime) return;
  for (struct block* block = blocks; block != NULL; block = block->next) {
    if (block->instructions == 0) continue;
    fprintf(stderr, "%" PRIx64 " %" PRIu64 "\n", block->address, block->instructions);
    block->instructions = 0;
  }
  fputs("clock\n", stderr);
}

__attribute__((visibility("default"))) int qemu_plugin_version = 1;

__attribute__((visibility("default"))) int qemu_plugin_install(qemu_plugin_id_t id, const void* info, int argc,
                                                               char** argv) {
  (void)info, (void)argc, (void)argv;
  qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
  qemu_plugin_register_vcpu_syscall_cb(id, called);
  return 0;
}
