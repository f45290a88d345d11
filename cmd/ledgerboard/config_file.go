package main

import (
	"bufio"
	"fmt"
	"os"
	"strings"
)

// configFileVariable names the configuration file.
const configFileVariable = "LEDGERBOARD_CONFIG"

// dropEmpty unsets empty variables, so that empty lines in an example file do not override
// defaults.
func dropEmpty() error {
	for _, pair := range os.Environ() {
		if name, ok := strings.CutSuffix(pair, "="); ok && strings.HasPrefix(name, "LEDGERBOARD_") {
			if err := os.Unsetenv(name); err != nil {
				return fmt.Errorf("unset %s: %w", name, err)
			}
		}
	}
	return nil
}

// loadConfigFile reads NAME=value lines in the format of systemd's EnvironmentFile and sets those
// variables that are not set yet. The error lists every invalid line.
func loadConfigFile(path string) error {
	if path == "" {
		return nil
	}
	file, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("open configuration file: %w", err)
	}
	defer file.Close()
	var wrong []string
	lines := bufio.NewScanner(file)
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" || strings.HasPrefix(line, "#") || strings.HasPrefix(line, ";") {
			continue
		}
		name, value, ok := strings.Cut(line, "=")
		name = strings.TrimSpace(name)
		if !ok || !strings.HasPrefix(name, "LEDGERBOARD_") {
			wrong = append(wrong, fmt.Sprintf("line %d is not LEDGERBOARD_NAME=value", n))
			continue
		}
		if _, set := os.LookupEnv(name); set || strings.TrimSpace(value) == "" {
			continue
		}
		if err := os.Setenv(name, unquote(strings.TrimSpace(value))); err != nil {
			wrong = append(wrong, fmt.Sprintf("line %d: %s", n, err))
		}
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("read configuration file %s: %w", path, err)
	}
	if len(wrong) > 0 {
		return fmt.Errorf("configuration file %s: %s", path, strings.Join(wrong, "; "))
	}
	return nil
}

func unquote(s string) string {
	if len(s) >= 2 && (s[0] == '"' || s[0] == '\'') && s[len(s)-1] == s[0] {
		return s[1 : len(s)-1]
	}
	return s
}
