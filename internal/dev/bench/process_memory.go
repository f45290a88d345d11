package main

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
)

// processMemory is what is resident of a process, now and at most, in bytes.
type processMemory struct{ resident, peak float64 }

// memoryOf asks the system for it.
func memoryOf(pid int) (m processMemory, err error) {
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return m, fmt.Errorf("read memory of the process: %w", err)
	}
	for line := range strings.Lines(string(raw)) {
		fields := strings.Fields(line)
		if len(fields) != 3 || fields[0] != "VmRSS:" && fields[0] != "VmHWM:" {
			continue
		}
		kilobytes, err := strconv.ParseFloat(fields[1], 64)
		if err != nil {
			return m, fmt.Errorf("read memory of the process: %w", err)
		}
		if fields[0] == "VmRSS:" {
			m.resident = kilobytes * 1024
		} else {
			m.peak = kilobytes * 1024
		}
	}
	if m.resident == 0 || m.peak == 0 {
		return m, errors.New("the system does not say how much memory the process has")
	}
	return m, nil
}
