// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
)

// withMounts runs a function in a mount namespace with n more mounts. Programs that the function
// starts see these mounts. The namespace belongs to one thread and ends with it.
func withMounts(n int, builds string, do func() error) error {
	done := make(chan error)
	go func() {
		// The thread is never unlocked, so it ends and no other goroutine gets its namespace.
		runtime.LockOSThread()
		err := addMounts(n, filepath.Join(builds, "mounts"))
		if err == nil {
			err = do()
		}
		done <- err
	}()
	return <-done
}

func addMounts(n int, top string) error {
	if err := os.MkdirAll(top, 0o755); err != nil {
		return err
	}
	if err := syscall.Unshare(syscall.CLONE_NEWNS); err != nil {
		return fmt.Errorf("a mount namespace: %w", err)
	}
	if err := syscall.Mount("", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("private mounts: %w", err)
	}
	if err := syscall.Mount("bench", top, "tmpfs", 0, ""); err != nil {
		return fmt.Errorf("mount %s: %w", top, err)
	}
	for i := range n {
		dir := filepath.Join(top, itoa(i))
		if err := os.Mkdir(dir, 0o755); err != nil {
			return err
		}
		if err := syscall.Mount(dir, dir, "", syscall.MS_BIND, ""); err != nil {
			return fmt.Errorf("mount %s: %w", dir, err)
		}
	}
	return nil
}
