// SPDX-License-Identifier: Apache-2.0

package katacg

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"syscall"
)

// Paths returns the cgroup's directory in each hierarchy, by v1 subsystem. The key of cgroup2 is
// "". The directories need not exist yet.
func (m *Manager) Paths() (map[string]string, error) {
	text, err := m.text("Manager.Paths", managerPaths)
	if err != nil {
		return nil, err
	}
	return decodePaths(text)
}

// State returns the manager's configuration and current resources as JSON. [LoadManager] makes a
// manager from it, in another process or after a restart.
func (m *Manager) State() ([]byte, error) {
	return m.text("Manager.State", managerState)
}

// Path returns the cgroup's directory for one subsystem: a v1 subsystem, or "" for cgroup2. On a
// unified host every name gives the same directory.
func (m *Manager) Path(subsystem string) (string, error) {
	handle, err := m.own().acquire("Manager.Path")
	if err != nil {
		return "", err
	}
	defer m.guarded.release()
	return managerPath("Manager.Path", handle, subsystem)
}

// Unit returns the name of the systemd unit that the cgroup belongs to: "prefix-name.scope" or
// "name.slice". It returns "" for a cgroup without a unit.
func (m *Manager) Unit() (string, error) {
	text, err := m.text("Manager.Unit", managerUnit)
	return string(text), err
}

// SetLog sends later warnings to a file, as ManagerOptions.Log does from the start; nil turns them
// off. Managers from [LoadManager], [NewCgroup], [LoadCgroup] and [Manager.Parent] start without a
// log. The manager keeps a reference to the file. The caller must keep the file open while the
// manager is in use.
func (m *Manager) SetLog(log *os.File) error {
	const op = "Manager.SetLog"
	fd, err := logFd(op, log)
	if err != nil {
		return err
	}
	handle, err := m.own().acquire(op)
	if err != nil {
		return err
	}
	defer m.guarded.release()
	// Concurrent calls must end with the same file in m.log and in the library.
	m.logging.Lock()
	defer m.logging.Unlock()
	if err := managerLog(op, handle, fd); err != nil {
		return err
	}
	m.log = log
	return nil
}

// logFd returns the file's descriptor, or -1 without a file.
func logFd(op string, log *os.File) (int32, error) {
	if log == nil {
		return -1, nil
	}
	raw := log.Fd()
	if raw > math.MaxInt32 {
		return -1, argumentError(op, "the log is closed")
	}
	return int32(raw), nil
}

// decodePaths parses {"cpu":"/path",...}. A path that is not UTF-8 appears as {"hex":"..."}.
func decodePaths(text []byte) (map[string]string, error) {
	var raw map[string]json.RawMessage
	if err := json.Unmarshal(text, &raw); err != nil {
		return nil, badPaths(text)
	}
	out := make(map[string]string, len(raw))
	for subsystem, value := range raw {
		var path string
		if json.Unmarshal(value, &path) != nil {
			var coded struct{ Hex string }
			bytes, err := []byte(nil), json.Unmarshal(value, &coded)
			if err == nil {
				bytes, err = hex.DecodeString(coded.Hex)
			}
			if err != nil {
				return nil, badPaths(text)
			}
			path = string(bytes)
		}
		out[subsystem] = path
	}
	return out, nil
}

func badPaths(text []byte) error {
	return &Error{
		Op: "Manager.Paths", Code: CodePanic, Errno: syscall.ENOTRECOVERABLE,
		Message: fmt.Sprintf("bug in libkatacg: malformed JSON of paths: %.300s", text),
	}
}
