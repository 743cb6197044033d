//go:build failpoint

package models

import (
	"os"
	"syscall"
)

// failpointVariable names the file whose content is the failpoint that kills the process.
const failpointVariable = "PARLEY_TEST_FAILPOINT_FILE"

// failpoint kills the process, as a power cut would, when the file of PARLEY_TEST_FAILPOINT_FILE names this point. Only
// tests build it in (-tags failpoint).
func failpoint(name string) {
	armed, err := os.ReadFile(os.Getenv(failpointVariable))
	if err == nil && string(armed) == name {
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		select {} // nothing more is done while the signal is on its way
	}
}
