package ledgertest

import "syscall"

// ofItsOwn is a process group of its own, which the kernel kills with this process.
func ofItsOwn() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
