package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// outcome is what a broken line led to.
type outcome string

const (
	noticed  outcome = "noticed"
	survived outcome = "SURVIVED"
	invalid  outcome = "INVALID" // the list is wrong, or the test fails without the break
)

// trials runs tests in the module at root.
type trials struct {
	root  string
	bound string // of one run of tests, as -timeout has it
}

// unbroken says which tests do not pass as things are; nil: all do.
func (t trials) unbroken(ctx context.Context, list []mutation) error {
	tests := map[string][]string{}
	for _, m := range list {
		if !slices.Contains(tests[m.pkg], m.test) {
			tests[m.pkg] = append(tests[m.pkg], m.test)
		}
	}
	var wrong []error
	for pkg, names := range tests {
		out, err := t.test(ctx, pkg, names, "-v")
		for _, name := range names {
			if !bytes.Contains(out, []byte("--- PASS: "+name+" ")) {
				wrong = append(wrong, fmt.Errorf("%s of %s does not pass without any break", name, pkg))
			}
		}
		if err != nil {
			wrong = append(wrong, fmt.Errorf("%s:\n%s", pkg, out))
		}
	}
	return errors.Join(wrong...)
}

// try breaks a line and runs its test.
func (t trials) try(ctx context.Context, m mutation) (outcome, error) {
	real := filepath.Join(t.root, filepath.FromSlash(m.file))
	text, err := os.ReadFile(real)
	if err != nil {
		return invalid, fmt.Errorf("%s: %w", m.at, err)
	}
	broken, err := m.breakLine(string(text))
	if err != nil {
		return invalid, err
	}
	dir, err := os.MkdirTemp("", "ledgerboard-mutate-")
	if err != nil {
		return invalid, fmt.Errorf("make a broken file: %w", err)
	}
	defer os.RemoveAll(dir)
	file, overlay := filepath.Join(dir, filepath.Base(m.file)), filepath.Join(dir, "overlay.json")
	replace, err := json.Marshal(map[string]any{"Replace": map[string]string{real: file}})
	if err = errors.Join(err, os.WriteFile(file, []byte(broken), 0o600), os.WriteFile(overlay, replace, 0o600)); err != nil {
		return invalid, fmt.Errorf("make a broken file: %w", err)
	}
	out, err := t.test(ctx, m.pkg, []string{m.test}, "-overlay", overlay)
	switch {
	case ctx.Err() != nil:
		return invalid, ctx.Err()
	case err == nil:
		return survived, nil
	case bytes.Contains(out, []byte("[build failed]")), bytes.Contains(out, []byte("[setup failed]")):
		return invalid, fmt.Errorf("%s does not compile:\n%s", m.at, out)
	default:
		return noticed, nil
	}
}

// test runs tests of a package. Its error says that one failed.
func (t trials) test(ctx context.Context, pkg string, names []string, flags ...string) ([]byte, error) {
	args := append([]string{"test", "-count=1", "-vet=off", "-timeout", t.bound, "-run", "^(" + strings.Join(names, "|") + ")$"}, flags...)
	cmd := exec.CommandContext(ctx, "go", append(args, pkg)...)
	cmd.Dir = t.root
	out, err := cmd.CombinedOutput()
	if err != nil {
		return out, fmt.Errorf("go test %s: %w", pkg, err)
	}
	return out, nil
}
