package main

import (
	"bytes"
	"context"
	"debug/buildinfo"
	"encoding/json"
	"errors"
	"fmt"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"time"
)

// outcome is what a broken line led to.
type outcome string

const (
	killed   outcome = "killed"
	survived outcome = "SURVIVED"
	invalid  outcome = "INVALID" // the list is wrong, or the test fails without the break
)

// trials runs tests in the module at root.
type trials struct {
	root  string
	bound string // of one run of tests, as -timeout has it
	dir   string // of programs and of broken files
}

// program is the tests of a package, with mutations woven in.
type program struct {
	path  string
	woven []mutation
}

// prepare makes the tests of a package with as many of its mutations as can be woven into one program, and runs them with none on: what fails
// then, or is not there, would seem to notice everything.
func (t trials) prepare(ctx context.Context, pkg string, list []mutation) (p program, err error) {
	if p, err = t.weaveAll(ctx, pkg, list); err != nil {
		return p, err
	}
	var whole, parts []string
	for _, m := range list {
		if strings.Contains(m.test, "/") {
			parts = append(parts, m.test)
		} else {
			whole = append(whole, m.test)
		}
	}
	var wrong []error
	for _, tests := range append(slices.Collect(slices.Chunk(parts, 1)), whole) {
		out, err := t.run(ctx, p.path, pkg, "", tests, "-test.v", "-test.timeout", "10m") // the bound is for one test
		for _, name := range tests {
			if err != nil || !bytes.Contains(out, []byte("--- PASS: "+name+" ")) {
				wrong = append(wrong, fmt.Errorf("%s of %s does not pass without any break:\n%s", name, pkg, out))
				break
			}
		}
	}
	return p, errors.Join(wrong...)
}

// weaveAll compiles the tests of a package with mutations woven in.
func (t trials) weaveAll(ctx context.Context, pkg string, list []mutation) (p program, err error) {
	replaced, err := t.weaveFiles(list, &p.woven)
	if err != nil {
		return p, err
	}
	p.path, err = t.compile(ctx, replaced, "test", "-c", "-vet=off", "-ldflags=-s -w", pkg)
	return p, err
}

// build compiles the packages of all mutations with the mutations woven in: a mutation that does not
// compile is found even if its test is not run.
func (t trials) build(ctx context.Context, list []mutation) error {
	var woven []mutation
	replaced, err := t.weaveFiles(list, &woven)
	if err != nil {
		return err
	}
	args := []string{"-o", os.DevNull}
	for _, m := range woven {
		if pkg := "./" + path.Dir(m.file); !slices.Contains(args, pkg) {
			args = append(args, pkg)
		}
	}
	_, err = t.compile(ctx, replaced, "build", args...)
	return err
}

// weaveFiles returns the texts of the files in which mutations are woven, and appends these mutations to
// woven. Breaks that cannot be woven (of constants, for example) are left out.
func (t trials) weaveFiles(list []mutation, woven *[]mutation) (replaced map[string]string, err error) {
	byFile := map[string][]mutation{}
	for _, m := range list {
		byFile[m.file] = append(byFile[m.file], m)
	}
	replaced = map[string]string{}
	for name, mutations := range byFile {
		file := filepath.Join(t.root, filepath.FromSlash(name))
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("weave: %w", err)
		}
		syntax, err := parser.ParseFile(token.NewFileSet(), file, text, parser.PackageClauseOnly)
		if err != nil {
			return nil, fmt.Errorf("weave: %w", err)
		}
		broken, alone, err := weave(string(text), mutations)
		if err != nil {
			return nil, err
		}
		replaced[file] = broken
		replaced[filepath.Join(filepath.Dir(file), "zz_broken_line.go")] = switchFile(syntax.Name.Name)
		*woven = append(*woven, slices.DeleteFunc(mutations, func(m mutation) bool { return slices.Contains(alone, m) })...)
	}
	return replaced, nil
}

// broken returns the file of a mutation, and its text with the line broken.
func (t trials) broken(m mutation) (file, text string, err error) {
	file = filepath.Join(t.root, filepath.FromSlash(m.file))
	real, err := os.ReadFile(file)
	if err != nil {
		return "", "", fmt.Errorf("%s: %w", m.at, err)
	}
	text, _, err = m.breakLine(string(real))
	return file, text, err
}

// try breaks a line and runs its test.
func (t trials) try(ctx context.Context, p program, m mutation) (outcome, error) {
	path := p.path
	if !slices.Contains(p.woven, m) {
		file, text, err := t.broken(m)
		if err != nil {
			return invalid, err
		}
		if path, err = t.compile(ctx, map[string]string{file: text}, "test", "-c", "-vet=off", "-ldflags=-s -w", m.pkg); err != nil {
			return invalid, fmt.Errorf("%s does not compile: %w", m.at, err)
		}
	}
	out, err := t.run(ctx, path, m.pkg, m.at, []string{m.test})
	name, _, _ := strings.Cut(m.test, "/")
	switch {
	case ctx.Err() != nil:
		return invalid, ctx.Err()
	case err == nil:
		return survived, nil
	case !slices.ContainsFunc([]string{"--- FAIL: " + name + " ", "panic: ", "fatal error: "}, func(sign string) bool {
		return bytes.Contains(out, []byte(sign))
	}):
		return invalid, fmt.Errorf("%s: something else failed than %s:\n%s", m.at, m.test, out)
	default:
		return killed, nil
	}
}

// compile runs a command of go (build, or test -c) with the given texts in place of files, and
// returns the path of the program it wrote.
func (t trials) compile(ctx context.Context, replaced map[string]string, command string, args ...string) (program string, err error) {
	dir, err := os.MkdirTemp(t.dir, "")
	if err != nil {
		return "", fmt.Errorf("make broken files: %w", err)
	}
	overlay := map[string]string{}
	for real, text := range replaced {
		file := filepath.Join(dir, fmt.Sprintf("%d_%s", len(overlay), filepath.Base(real)))
		overlay[real] = file
		err = errors.Join(err, os.WriteFile(file, []byte(text), 0o600))
	}
	list, failed := json.Marshal(map[string]any{"Replace": overlay})
	file, program := filepath.Join(dir, "overlay.json"), filepath.Join(dir, "tests")
	if err = errors.Join(err, failed, os.WriteFile(file, list, 0o600)); err != nil {
		return "", fmt.Errorf("make broken files: %w", err)
	}
	cmd := exec.CommandContext(ctx, "go", append([]string{command, "-overlay", file, "-o", program}, args...)...)
	cmd.Dir = t.root
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("go %s: %w\n%s", command, err, out)
	}
	return program, nil
}

// run runs tests of a program, with one break on or none. Its error says that one failed.
func (t trials) run(ctx context.Context, path, pkg, on string, names []string, flags ...string) ([]byte, error) {
	if len(names) == 0 {
		return nil, nil
	}
	pattern := "^(" + strings.ReplaceAll(strings.Join(names, "|"), "/", ")$/^(") + ")$"
	always := []string{"-test.paniconexit0", "-test.timeout", t.bound, "-test.run", pattern}
	made, err := buildinfo.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("tests of %s: %w", pkg, err)
	}
	if slices.ContainsFunc(made.Deps, func(m *debug.Module) bool { return m.Path == "pgregory.net/rapid" }) {
		always = append(always, "-rapid.nofailfile") // what breaks a drawn test here is no finding, and stays out of the tree
	}
	cmd := exec.CommandContext(ctx, path, append(always, flags...)...)
	cmd.Dir = filepath.Join(t.root, filepath.FromSlash(pkg))
	cmd.Env = append(os.Environ(), switchName+"="+on)
	cmd.WaitDelay = 10 * time.Second // a program that hung may leave others behind, with its output
	out, err := cmd.CombinedOutput()
	if err != nil {
		return out, fmt.Errorf("tests of %s: %w", pkg, err)
	}
	return out, nil
}
