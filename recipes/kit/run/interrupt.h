// Ctrl-C, SIGTERM and SIGHUP: the first one asks the run to save and stop, the second one quits at once.
#ifndef ROUX_RECIPES_KIT_RUN_INTERRUPT_H_
#define ROUX_RECIPES_KIT_RUN_INTERRUPT_H_

namespace roux::kit {

// Installs the handlers for the whole process; also makes a write beyond a file size limit an error, not a
// death.
void install_interrupt_handlers();

// True after the first Ctrl-C or SIGTERM. Cheap enough for every step; safe from any thread.
bool interrupt_requested();

// As if Ctrl-C had been pressed (or, with false, never): for tests and for runs that must stop early.
void set_interrupt_requested(bool requested);

}  // namespace roux::kit

#endif  // ROUX_RECIPES_KIT_RUN_INTERRUPT_H_
