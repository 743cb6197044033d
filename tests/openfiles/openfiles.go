//go:build linux || darwin

// Package openfiles lets a process have as many connections open as a test of many streams needs.
package openfiles

import (
	"fmt"
	"syscall"
)

// Allow raises the limit of open files where it is too low, here and for the processes started from now on.
func Allow(need uint64) error {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return err
	}
	// Set in any case: the runtime has raised the soft limit for this process, and would take that back for children.
	limit.Max = max(limit.Max, need)
	limit.Cur = limit.Max
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return fmt.Errorf("%d open files are needed and cannot be had (ulimit -n): %w", need, err)
	}
	return nil
}
