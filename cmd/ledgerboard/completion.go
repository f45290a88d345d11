package main

import (
	"fmt"

	"github.com/alecthomas/kong"
	mangokong "github.com/alecthomas/mango-kong"
	"github.com/muesli/roff"
)

// completionCommand prints a script that makes a shell run this program to get completions. The
// program prints them if COMP_LINE is set.
type completionCommand struct {
	Shell string `arg:"" enum:"bash,zsh,fish" help:"Shell: bash, zsh or fish."`
}

const bashCompletion = "complete -o default -o bashdefault -C ledgerboard ledgerboard\n" //nolint:dupword // the program completes itself

var completions = map[string]string{
	"bash": bashCompletion,
	"zsh":  "#compdef ledgerboard\nautoload -U +X bashcompinit && bashcompinit\n" + bashCompletion,
	"fish": `function __complete_ledgerboard
    set -lx COMP_LINE (commandline -cp)
    test -z (commandline -ct)
    and set COMP_LINE "$COMP_LINE "
    ledgerboard
end
complete -f -c ledgerboard -a "(__complete_ledgerboard)"
`,
}

func (c completionCommand) Run(std streams) error {
	_, err := fmt.Fprint(std.Out, completions[c.Shell])
	return err
}

type manCommand struct{}

func (manCommand) Run(std streams, app *kong.Kong) error {
	_, err := fmt.Fprint(std.Out, mangokong.NewManPage(1, app.Model).Build(roff.NewDocument()))
	return err
}
