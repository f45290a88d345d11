// Command ledgerboard contains the server, the demo and the operator tools in one binary.
package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"reflect"
	"runtime/debug"
	"slices"
	"sync"
	"syscall"

	"github.com/KimMachineGun/automemlimit/memlimit"
	"github.com/alecthomas/kong"
	kongcompletion "github.com/jotaen/kong-completion"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/dev/demo/launch"
	"github.com/ledgerboard/ledgerboard/internal/secret"
)

type cli struct {
	Serve        serveCommand        `cmd:"" help:"Run the service: API, projectors, fetchers and signer, or a subset of them (--roles)."`
	Init         initCommand         `cmd:"" help:"Create an agency and its first user, and print a token. Use it to set up an empty service or to add an agency."`
	Demo         demoCommand         `cmd:"" help:"Run everything in one process with a sample agency."`
	Secrets      secretsCommand      `cmd:"" help:"Re-encrypt the stored tokens with a new key."`
	Migrate      migrateCommand      `cmd:"" help:"Migrate the database schemas to the version of this program, or replace a lost database (--adopt-log)."`
	Import       importCommand       `cmd:"" help:"Import JSON Lines: reference entities of the main application and data of the old system."`
	Verify       verifyCommand       `cmd:"" help:"Verify that the history was not altered, or that the tables match the log. Requires one of --parent, --all, --bundle and --tables."`
	Export       exportCommand       `cmd:"" help:"Write a proof bundle of one agency that can be verified anywhere."`
	Access       accessCommand       `cmd:"" help:"Print who had access to the dashboards of an agency, when, and which records prove it. Queries a running service; requires the token of an auditor or of agency staff."`
	Checkpoints  checkpointsCommand  `cmd:"" help:"Print the signed checkpoints that a running service has published."`
	Replay       replayCommand       `cmd:"" help:"Print the changes of one agency from the log (--parent) or from a proof bundle (--bundle)."`
	Rebuild      rebuildCommand      `cmd:"" help:"Rebuild read models from the log next to the live ones, then switch readers to them."`
	Prepare      prepareCommand      `cmd:"" help:"Before an upgrade, build the tables of this version next to the live ones. Readers are not switched."`
	DeadLetters  deadLettersCommand  `cmd:"" help:"List the events that could not be folded; show, retry or skip them."`
	Pause        pauseCommand        `cmd:"" help:"Pause read models, or the reading of platforms or connections."`
	Resume       resumeCommand       `cmd:"" help:"Resume paused read models, platforms or connections."`
	Connections  connectionsCommand  `cmd:"" help:"List the connected accounts with their readings, or make some of them due now."`
	Actions      actionsCommand      `cmd:"" help:"List operator actions and their outcomes."`
	Log          logCommand          `cmd:"" help:"Show the topics of the log: partitions, replicas, settings."`
	Backup       backupCommand       `cmd:"" help:"Copy the log, or the records added after the last backup, into files; check a backup."`
	Restore      restoreCommand      `cmd:"" help:"Write a backup of the log into a Kafka cluster that has no log yet."`
	Erase        eraseCommand        `cmd:"" help:"Erase a person from the directory. Histories keep the person's id."`
	ExportPerson exportPersonCommand `cmd:"" help:"Write all data stored about a person into a file for that person."`
	Keygen       keygenCommand       `cmd:"" help:"Generate a key pair that signs and verifies checkpoints of the history."`
	SignInLink   signInLinkCommand   `cmd:"" help:"Create a link that signs a user in to the console once."`
	SignInUnlink signInUnlinkCommand `cmd:"" help:"Remove the link between a user and an account at the identity provider. The next sign-in creates a new link."`
	Sessions     sessionsCommand     `cmd:"" help:"List the sessions in which people are signed in to the console, or end one."`
	Token        tokenCommand        `cmd:"" help:"Create a signed token for testing."`
	Status       statusCommand       `cmd:"" help:"Check whether a running service is ready."`
	Completion   completionCommand   `cmd:"" help:"Print the script that completes commands and flags in a shell."`
	Man          manCommand          `cmd:"" hidden:""`
	Version      versionCommand      `cmd:"" help:"Print the version of this program, its commit, its Go version and its projector versions; same as --version."`
}

const description = `Event-sourced dashboards for marketing agencies.

You can set a flag that is shown with an environment variable in three ways: on the command line, in that
variable, or as a line NAME=value in the file named by LEDGERBOARD_CONFIG. Flags override environment variables,
and environment variables override the file.

Exit codes: 0 done; 1 failed; 2 wrong arguments or configuration; 3 not ready, degraded or no
response (status); 4 done, but lines were left out (import --skip-refused); 5 the check found faults (verify,
replay, backup --check); 130 interrupted by Ctrl-C or SIGTERM (at a prompt, and in verify, export, replay, import,
rebuild, backup, restore); 131 aborted by a second Ctrl-C or SIGTERM.`

// usageError reports wrong arguments or configuration.
type usageError struct{ error }

func (u usageError) Unwrap() error { return u.error }

func wrapError(what string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", what, err)
}

func main() {
	if os.Getenv("GOGC") == "" {
		// Decoding the log allocates a lot and retains little: with the default, garbage collection
		// took a fifth of the time of a rebuild.
		debug.SetGCPercent(200)
	}
	// Collect garbage earlier near the container's memory limit, if there is one and GOMEMLIMIT is
	// not set.
	_, _ = memlimit.Set()
	ctx, stop := context.WithCancel(context.Background())
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		<-signals
		stop()
		<-signals
		fmt.Fprintln(os.Stderr, "ledgerboard: second signal received: aborted")
		os.Exit(exitAborted)
	}()
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// streams are the outputs of a command: results go to Out, progress and problems to Err. The first
// signal closes Cut; prompts then return without an answer.
type streams struct {
	Out, Err io.Writer
	Cut      <-chan struct{}
}

// results passes on what a command prints and keeps the first error. Most commands ignore it, but a
// list that a full disk cut short must not pass for a complete one.
type results struct {
	out    io.Writer
	mu     sync.Mutex
	failed error
}

func (r *results) Write(b []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	n, err := r.out.Write(b)
	r.failed = cmp.Or(r.failed, err)
	return n, err
}

// with adds the failure to print to the error of a command.
func (r *results) with(err error) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.failed == nil || errors.Is(err, r.failed) {
		return err
	}
	return errors.Join(err, wrapError("print the results", r.failed))
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	serves := len(args) > 0 && slices.Contains([]string{"serve", "demo"}, args[0])
	if err := errors.Join(cleanVariables(), loadConfigFile(os.Getenv(configFileVariable), serves)); err != nil {
		fmt.Fprintln(stderr, "ledgerboard:", err)
		return exitUsage
	}
	// This is not a kong flag, because replay has a flag --version.
	if len(args) == 1 && args[0] == "--version" {
		args = []string{"version"}
	}
	exited := -1
	var c cli
	parser, err := newParser(&c,
		kong.Name("ledgerboard"), kong.Description(description),
		kong.Writers(stdout, stderr), kong.Exit(func(code int) { exited = code }),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, WrapUpperBound: 110}),
	)
	if err != nil {
		fmt.Fprintln(stderr, "ledgerboard:", err)
		return exitFailure
	}
	if kongcompletion.Register(parser); exited >= 0 { // a shell has asked for completions
		return exited
	}
	parsed, err := parser.Parse(args)
	if exited >= 0 { // --help was requested and printed
		return exited
	}
	if err == nil {
		err = errors.Join(refuseDash(parsed), cleanValues(parsed))
	}
	if err != nil {
		fmt.Fprintf(stderr, "ledgerboard: %s\nTry 'ledgerboard --help'.\n", err)
		return exitUsage
	}
	parsed.BindTo(ctx, (*context.Context)(nil))
	printed := &results{out: stdout}
	parsed.Bind(streams{Out: printed, Err: stderr, Cut: ctx.Done()})
	return exitCode(printed.with(parsed.Run()), stderr)
}

// refuseDash returns an error if a flag that names a file or a directory is -, as for standard input or
// output: files are read twice, or written completely or not at all, and one named - would be created in
// silence. Only the arguments of import may be -.
func refuseDash(parsed *kong.Context) error {
	kinds := map[string]string{"FILE": "file", "DIR": "directory"}
	for _, flag := range parsed.Flags() {
		if kind, ok := kinds[flag.PlaceHolder]; ok && parsed.FlagValue(flag) == "-" {
			return fmt.Errorf("--%s: - is not supported: name a %s", flag.Name, kind)
		}
	}
	return nil
}

// newParser returns the parser of the command line. Flags of type hexid contain ids of agencies,
// dashboards and users; flags of type secret contain the setting of a secret, which is checked.
func newParser(c *cli, options ...kong.Option) (*kong.Kong, error) {
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
	secrets := kong.MapperFunc(func(c *kong.DecodeContext, target reflect.Value) error {
		var setting string
		if err := c.Scan.PopValueInto("secret", &setting); err != nil {
			return err
		}
		_, err := secret.Read(setting)
		target.SetString(setting)
		return err
	})
	return kong.New(c, append(options,
		defaults(), kong.Resolvers(kong.ResolverFunc(demoDefault)),
		kong.NamedMapper("hexid", hexID), kong.NamedMapper("secret", secrets))...)
}

// demoDefault returns the default of a flag in a demo (demo and serve --mock), or nil if the flag
// is set or the service's default applies.
func demoDefault(c *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
	value, differs := launch.Defaults()[flag.Name]
	if !differs || slices.ContainsFunc(flag.Envs, func(name string) bool { return os.Getenv(name) != "" }) {
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
