// Ctrl-C, SIGTERM and SIGHUP: the first one asks the run to save and stop, the second one quits at once.
//
// They are blocked in every thread and taken by one that does nothing else: no computing thread is
// interrupted (tensor/cpu/gemm.h says what a handler can do to one). Processes made by fork() have them open
// again; those made by posix_spawn(), popen() or system() inherit the mask of the calling thread: give
// posix_spawn() a POSIX_SPAWN_SETSIGMASK.
#ifndef ROUX_RECIPES_KIT_RUN_INTERRUPT_H_
#define ROUX_RECIPES_KIT_RUN_INTERRUPT_H_

namespace roux::kit {

struct InterruptOptions {
  // What the first one prints on stderr.
  const char* message = "\nstopping: saving a checkpoint (Ctrl-C again quits at once)\n";
  // SIGTERM and SIGHUP end the process, as without handlers: of programs that have nothing to save.
  bool only_ctrl_c = false;
};
// For the whole process; called once, at the start of main, before any thread. Also makes a write beyond a
// file size limit, or into a pipe that nobody reads, an error, not a death. SIGHUP stays ignored if it was
// (nohup).
void install_interrupt_handlers(const InterruptOptions& options = {});

// True after the first of them. Cheap enough for every step; safe from any thread.
bool interrupt_requested();

// As if Ctrl-C had been pressed (or, with false, never): for tests and for runs that must stop early.
void set_interrupt_requested(bool requested);

}  // namespace roux::kit

#endif  // ROUX_RECIPES_KIT_RUN_INTERRUPT_H_
