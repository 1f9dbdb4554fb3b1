// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
)

// driven is a participant. It runs a cycle for each byte of its input, and prints a line for each.
type driven struct {
	name string
	in   io.WriteCloser
	out  *bufio.Reader
	cmd  *exec.Cmd
}

// drive lets the participants take turns, cycle by cycle, in another order each time. A longer
// disturbance of the machine then affects all of them.
func drive(mode string, cycles int) error {
	var all []*driven
	for _, name := range participants {
		d := &driven{name: name, cmd: exec.Command("./"+name, mode)}
		d.cmd.Stderr = os.Stderr
		in, err := d.cmd.StdinPipe()
		if err != nil {
			return err
		}
		out, err := d.cmd.StdoutPipe()
		if err != nil {
			return err
		}
		d.in, d.out = in, bufio.NewReader(out)
		if err := d.cmd.Start(); err != nil {
			return err
		}
		all = append(all, d)
	}
	for n := range cycles + 1 {
		for i := range all {
			d := all[(n+i)%len(all)]
			line, err := d.cycle()
			if err != nil {
				return fmt.Errorf("%s: %w", d.name, err)
			}
			if n > 0 {
				fmt.Printf("cycle %s %s%s", mode, d.name, line)
			}
		}
	}
	for _, d := range all {
		d.in.Close()
		if err := d.cmd.Wait(); err != nil {
			return fmt.Errorf("%s: %w", d.name, err)
		}
	}
	return nil
}

func (d *driven) cycle() (string, error) {
	if _, err := d.in.Write([]byte{'\n'}); err != nil {
		return "", err
	}
	return d.out.ReadString('\n')
}
