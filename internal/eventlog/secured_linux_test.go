package eventlog_test

import "syscall"

// endsWithUs makes the kernel end a broker when the test is killed.
func endsWithUs() *syscall.SysProcAttr { return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }
