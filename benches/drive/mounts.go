package main

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
)

// withMounts does something with so many more mounts for whatever it executes, in a mount namespace
// of their own: that of one thread, which ends with it.
func withMounts(n int, builds string, do func() error) error {
	done := make(chan error)
	go func() {
		// Never unlocked: the thread is not fit for anybody else.
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
