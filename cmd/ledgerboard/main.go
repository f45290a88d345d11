// Command ledgerboard is the whole program: server, demo and operator's tools in one binary.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"reflect"
	"runtime/debug"
	"slices"
	"syscall"

	"github.com/alecthomas/kong"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/dev/demo/launch"
)

type cli struct {
	Serve        serveCommand        `cmd:"" help:"Run the service: API, projectors and fetchers, or some of them."`
	Init         initCommand         `cmd:"" help:"Make an agency and its first person, and print a token: how an empty service begins, or gets a further agency."`
	Demo         demoCommand         `cmd:"" help:"Run everything in one process with a made-up agency, for a first look."`
	Secrets      secretsCommand      `cmd:"" help:"Seal the stored tokens under a new key."`
	Migrate      migrateCommand      `cmd:"" help:"Bring the database's schemas to this version."`
	Import       importCommand       `cmd:"" help:"Append reference entities of the main application, and take over the old system's data."`
	Verify       verifyCommand       `cmd:"" help:"Prove that nothing in the history was changed, or name what was. Name one of --parent, --all, --bundle, --tables."`
	Export       exportCommand       `cmd:"" help:"Write a proof bundle of one agency, to be verified anywhere."`
	Access       accessCommand       `cmd:"" help:"Print who had access to any dashboard of an agency, from when to when, and by which records: asks a running service, with an auditor's token."`
	Checkpoints  checkpointsCommand  `cmd:"" help:"Print the signed checkpoints that a running service has published."`
	Replay       replayCommand       `cmd:"" help:"Print the changes of one agency from the log itself (--parent), or from a proof bundle (--bundle)."`
	Rebuild      rebuildCommand      `cmd:"" help:"Rebuild read models from the log next to the ones that serve, and switch."`
	Prepare      prepareCommand      `cmd:"" help:"Make the tables of this version beside those that serve, before an upgrade; readers stay where they are."`
	Parked       parkedCommand       `cmd:"" help:"Show events that are in the log and not folded; show, retry or skip them."`
	Pause        pauseCommand        `cmd:"" help:"Pause read models, or the reading of platforms or connections."`
	Resume       resumeCommand       `cmd:"" help:"End pauses."`
	Connections  connectionsCommand  `cmd:"" help:"Show how connected accounts are read; read some now."`
	Actions      actionsCommand      `cmd:"" help:"Show what operators did, and what came of it."`
	Log          logCommand          `cmd:"" help:"Show the topics of the log: partitions, replicas, settings."`
	Backup       backupCommand       `cmd:"" help:"Copy the log into files, or what has come since the last time; check such files."`
	Restore      restoreCommand      `cmd:"" help:"Write a backup of the log into a Kafka cluster that has no log yet."`
	Erase        eraseCommand        `cmd:"" help:"Erase a person from the directory; histories keep the id."`
	ExportPerson exportPersonCommand `cmd:"" help:"Write everything that is known of a person into a file, for that person."`
	Keygen       keygenCommand       `cmd:"" help:"Make a key pair that signs and verifies checkpoints of the history."`
	SignInLink   signInLinkCommand   `cmd:"" help:"Make a link that signs a user in to the console once."`
	SignInUnlink signInUnlinkCommand `cmd:"" help:"Remove a user's link to a person of the identity provider: the next sign-in links it again."`
	Token        tokenCommand        `cmd:"" help:"Make a signed token for trying things out."`
	Status       statusCommand       `cmd:"" help:"Ask a running service whether it is ready."`
	Version      versionCommand      `cmd:"" help:"Print the version of this program, its commit, its Go version and the versions of its projectors; so does --version."`
}

const description = `Event-sourced dashboards for marketing agencies.

You can set every flag in three ways: on the command line, as the environment variable shown beside it,
or as a line NAME=value in the file that LEDGERBOARD_CONFIG names. A flag wins over the environment, the
environment over the file.

Exit codes: 0 done; 1 failed; 2 wrong arguments or configuration; 3 not ready, degraded or no
answer (status); 4 done, but rows were left out (import --skip-refused); 5 the check was made and found something (verify,
replay, backup --check); 130 interrupted by Ctrl-C or SIGTERM (at a prompt, and verify, export, replay, import, rebuild, backup, restore);
131 ended at once by a second Ctrl-C or SIGTERM.`

// usageError is a fault of arguments or configuration.
type usageError struct{ error }

func main() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(200) // decoding the log makes much garbage while little stays: a rebuild's collecting took a fifth of it
	}
	ctx, stop := context.WithCancel(context.Background())
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		<-signals
		stop()
		<-signals
		fmt.Fprintln(os.Stderr, "ledgerboard: a second signal: ended at once")
		os.Exit(exitAborted)
	}()
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// streams are where a command prints: answers to Out, progress and problems to Err. Cut is closed when a signal ends the
// command: what waits for an answer waits no longer.
type streams struct {
	Out, Err io.Writer
	Cut      <-chan struct{}
}

// run is main without the process: it parses, runs and gives the exit code.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	if err := errors.Join(dropEmpty(), loadConfigFile(os.Getenv(configFileVariable))); err != nil {
		fmt.Fprintln(stderr, "ledgerboard:", err)
		return exitUsage
	}
	if len(args) == 1 && args[0] == "--version" { // no flag of kong's: replay has one of that name
		args = []string{"version"}
	}
	exited := -1
	var c cli
	parser, err := kong.New(&c,
		kong.Name("ledgerboard"), kong.Description(description),
		kong.Writers(stdout, stderr), kong.Exit(func(code int) { exited = code }),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, WrapUpperBound: 110}), parsing(),
	)
	if err != nil {
		fmt.Fprintln(stderr, "ledgerboard:", err)
		return exitFailure
	}
	parsed, err := parser.Parse(args)
	if exited >= 0 { // --help was asked for and printed
		return exited
	}
	if err != nil {
		fmt.Fprintf(stderr, "ledgerboard: %s\nTry 'ledgerboard --help'.\n", err)
		return exitUsage
	}
	parsed.BindTo(ctx, (*context.Context)(nil))
	parsed.Bind(streams{Out: stdout, Err: stderr, Cut: ctx.Done()})
	return exitCode(parsed.Run(), stderr)
}

// parsing is how the command line is read: flags of type hexid are ids of agencies, dashboards and users.
func parsing() kong.Option {
	return kong.OptionFunc(func(k *kong.Kong) error {
		hexID := kong.MapperFunc(func(c *kong.DecodeContext, target reflect.Value) error {
			var text string
			if err := c.Scan.PopValueInto("id", &text); err != nil {
				return err
			}
			id, ok := domain.HexID(text)
			if !ok {
				return fmt.Errorf("%q is not 24 hex digits", text)
			}
			target.SetString(id)
			return nil
		})
		for _, option := range []kong.Option{defaults(), kong.Resolvers(kong.ResolverFunc(demoDefault)), kong.NamedMapper("hexid", hexID)} {
			if err := option.Apply(k); err != nil {
				return err
			}
		}
		return nil
	})
}

// demoDefault is a demo's default of a flag, also of serve --mock, in the place of the service's: nil where it is
// the same, or where the flag was given.
func demoDefault(c *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
	value, ok := launch.Defaults()[flag.Name]
	if !ok || slices.ContainsFunc(flag.Envs, func(name string) bool { return os.Getenv(name) != "" }) {
		return nil, nil
	}
	demo := c.Selected().Name == "demo"
	for _, f := range c.Flags() {
		demo = demo || f.Name == "mock" && c.FlagValue(f) == true
	}
	if !demo {
		return nil, nil
	}
	return value, nil
}
