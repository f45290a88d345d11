package main

import (
	"errors"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"

	"github.com/alecthomas/kong"

	"github.com/ledgerboard/ledgerboard/internal/secret"
)

const configFileVariable = "LEDGERBOARD_CONFIG"

// serviceLink matches the variables that Kubernetes sets in each container for a service of that name.
var serviceLink = regexp.MustCompile(`_SERVICE_(HOST|PORT(_.*)?)$|_PORT(_[0-9]+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)?$`)

// unknownSettings returns the variables that have the form of a setting and are read by no command,
// sorted. With a mistyped name, a setting keeps its default: LEDGERBOARD_WITHDRAWN_FILE withdraws
// no one.
func unknownSettings(parser *kong.Kong) ([]string, error) {
	known := []string{configFileVariable, tokenVariable}
	err := kong.Visit(parser.Model, func(node kong.Visitable, next kong.Next) error {
		if flag, ok := node.(*kong.Flag); ok {
			known = append(known, flag.Envs...)
		}
		return next(nil)
	})
	if err != nil {
		return nil, fmt.Errorf("list settings: %w", err)
	}
	var unknown []string
	for _, pair := range os.Environ() {
		name, _, _ := strings.Cut(pair, "=")
		if strings.HasPrefix(name, "LEDGERBOARD_") && !slices.Contains(known, name) && !serviceLink.MatchString(name) {
			unknown = append(unknown, name)
		}
	}
	slices.Sort(unknown)
	return unknown, nil
}

// cleanVariables removes line ends at the end of variables, which a shell leaves there that reads a file
// with the line ends of Windows. It then unsets empty variables: the empty values of an example file must not
// override defaults.
func cleanVariables() error {
	for _, pair := range os.Environ() {
		name, value, _ := strings.Cut(pair, "=")
		clean := strings.TrimRight(value, "\r\n")
		var err error
		switch {
		case !strings.HasPrefix(name, "LEDGERBOARD_"):
		case clean == "":
			err = os.Unsetenv(name)
		case clean != value:
			err = os.Setenv(name, clean)
		}
		if err != nil {
			return fmt.Errorf("clean the value of %s: %w", name, err)
		}
	}
	return nil
}

// cleanValues removes white space around the elements of lists. It returns an error that names the settings
// with white space around a value, or quotation marks around a value or an element: `docker run --env-file`
// leaves the marks there, so that a setting would mean nothing, or a secret be one that anybody can guess.
// The error does not contain the value, which may be a secret.
func cleanValues(parsed *kong.Context) error {
	var wrong []string
	for _, flag := range parsed.Flags() {
		marked := false
		switch value := parsed.FlagValue(flag).(type) {
		case string:
			marked = quoted(value) || strings.TrimSpace(value) != value
		case []string:
			for i, element := range value { // the array is that of the command, too
				value[i] = strings.TrimSpace(element)
				marked = marked || quoted(value[i])
			}
		}
		if marked && len(flag.Envs) > 0 {
			wrong = append(wrong, flag.Envs[0])
		}
	}
	if len(wrong) == 0 {
		return nil
	}
	return fmt.Errorf("white space or quotation marks around a value of %s: remove them. Docker leaves quotation marks in "+
		"the file of --env-file. If they belong to a secret, store it in a file, and set file:PATH", strings.Join(wrong, ", "))
}

func quoted(value string) bool {
	return len(value) > 1 && value[0] == value[len(value)-1] && (value[0] == '"' || value[0] == '\'')
}

// loadConfigFile sets the variables in a file that has the format of systemd's EnvironmentFile, so that
// one file serves a unit and the commands. It refuses three things that systemd reads in another way: a name
// that is set twice, an open quotation mark or a second pair of them, and a backslash outside single ones.
// Variables that are already set take precedence. Those that the Go runtime reads when a process starts would
// have no effect on a process that serves, for which they are meant; other commands go on without them.
func loadConfigFile(path string, serves bool) error {
	if path == "" {
		return nil
	}
	text, err := secret.ReadFile(path)
	if err != nil {
		return fmt.Errorf("open configuration file: %w", err)
	}
	var wrong []string
	lines := map[string]int{} // by name
	n := 0
	for line := range strings.Lines(text) {
		n++
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") || strings.HasPrefix(line, ";") {
			continue
		}
		name, value, ok := strings.Cut(line, "=")
		name = strings.TrimSpace(name)
		atStart := name == "GOMEMLIMIT" || name == "GOGC"
		if !ok || !atStart && !strings.HasPrefix(name, "LEDGERBOARD_") && !strings.HasPrefix(name, "OTEL_") {
			wrong = append(wrong, fmt.Sprintf("line %d is neither LEDGERBOARD_NAME=value nor OTEL_NAME=value", n))
			continue
		}
		if before := lines[name]; before > 0 {
			wrong = append(wrong, fmt.Sprintf("lines %d and %d both set %s: remove one", before, n, name))
			continue
		}
		lines[name] = n
		value, err := unquote(strings.TrimSpace(value))
		if err != nil {
			wrong = append(wrong, fmt.Sprintf("line %d: the value of %s %s", n, name, err))
			continue
		}
		if os.Getenv(name) != "" || value == "" || atStart && !serves {
			continue
		}
		if atStart {
			wrong = append(wrong, fmt.Sprintf(
				"line %d: the Go runtime reads %s when the process starts: set it in the environment of the process", n, name))
			continue
		}
		if err := os.Setenv(name, value); err != nil {
			wrong = append(wrong, fmt.Sprintf("line %d: %s", n, err))
		}
	}
	if len(wrong) > 0 {
		return fmt.Errorf("configuration file %s: %s", path, strings.Join(wrong, "; "))
	}
	return nil
}

// unquote returns a value without the quotation marks around it. The error does not contain the value,
// which may be a secret.
func unquote(value string) (string, error) {
	if value == "" {
		return "", nil
	}
	quote := value[0]
	if quote == '"' || quote == '\'' {
		if len(value) < 2 || strings.IndexByte(value[1:], quote) != len(value)-2 {
			return "", errors.New("begins with a quotation mark, but does not end with its only other one")
		}
		value = value[1 : len(value)-1]
	}
	if quote != '\'' && strings.Contains(value, `\`) {
		return "", errors.New("has a backslash, which systemd may read as an escape: " +
			"write the value between single quotation marks")
	}
	return value, nil
}
