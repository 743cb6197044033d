//go:build !failpoint

package models

// failpoint is where a test kills the process; in every build but the tests' own it is nothing.
func failpoint(string) {}
