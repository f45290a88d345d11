package commands

// Held is the number of keys that take memory.
func (l *KeyedLock) Held() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.holds)
}
