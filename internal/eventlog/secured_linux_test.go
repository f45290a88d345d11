package eventlog_test

import "syscall"

// endsWithUs: a broker does not outlive a test that is killed.
func endsWithUs() *syscall.SysProcAttr { return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }
