package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"syscall"

	"github.com/ledgerboard/ledgerboard/api"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/secret"
	"github.com/ledgerboard/ledgerboard/internal/socket"
)

type remote struct {
	URL       string `env:"LEDGERBOARD_URL" placeholder:"URL" help:"URL of a running service. Requires a token, but no access to log or database."`
	TokenFile string `type:"existingfile" placeholder:"FILE" help:"File that contains the token for --url. Default: the environment variable LEDGERBOARD_TOKEN."`
}

// There is no flag for the token itself: every user of a machine can read process arguments.
const tokenVariable = "LEDGERBOARD_TOKEN"

// client sends requests to a running service.
type client struct {
	http   *http.Client
	base   *url.URL
	header http.Header
	// again returns the client of a process that answers now; nil if there is only one address.
	again func(context.Context) (*http.Client, error)
}

func (r *remote) client() (client, error) {
	if r.URL == "" {
		return client{}, usageError{errors.New("set --url to the address of the service")}
	}
	base, err := url.Parse(r.URL)
	if err != nil || base.Host == "" || base.Scheme != "http" && base.Scheme != "https" {
		return client{}, usageError{fmt.Errorf("--url %q is not a URL: use https://HOST[:PORT]", r.URL)}
	}
	token := os.Getenv(tokenVariable)
	if r.TokenFile != "" {
		var err error
		if token, err = secret.ReadFile(r.TokenFile); err != nil {
			return client{}, usageError{fmt.Errorf("--token-file: %w", err)}
		}
	}
	if token = strings.TrimSpace(token); token == "" {
		return client{}, usageError{errors.New("no token: set --token-file or " + tokenVariable)}
	}
	return client{http: http.DefaultClient, base: base, header: http.Header{"Authorization": {"Bearer " + token}}}, nil
}

// service are the flags for the running service on which a command acts.
type service struct {
	remote
	DataDir string `env:"LEDGERBOARD_DATA_DIR" default:"data" help:"Data directory of a service that runs on this machine. Its processes with the role api listen there for commands."`
	As      string `placeholder:"NAME" help:"Your name, which is recorded as claimed and not proved. With --url, the token names you."`
}

func (s *service) client(ctx context.Context) (client, error) { return s.connect(ctx, s.DataDir, s.As) }

// connect returns a client of the service at --url or, by default, of a process on this machine with
// the data directory. It claims to be as; "": no name is claimed.
func (r *remote) connect(ctx context.Context, dataDir, as string) (client, error) {
	if r.URL != "" {
		if as != "" {
			return client{}, usageError{errors.New("--as and --url: the token names you")}
		}
		return r.client()
	}
	find := func(ctx context.Context) (*http.Client, error) { return findService(ctx, dataDir) }
	found, err := find(ctx)
	header := http.Header{}
	if as != "" {
		header.Set(api.HeaderClaimedName, as)
	}
	return client{found, &url.URL{Scheme: "http", Host: "ledgerboard"}, header, find}, err
}

var errOtherUser = errors.New("belongs to another system user")

// findService looks for the service of a data directory. Errors: [errOtherUser], [socket.ErrNone] and
// [socket.ErrSilent].
func findService(ctx context.Context, dataDir string) (*http.Client, error) {
	name, err := socket.Find(ctx, socketDir(dataDir), "/api/")
	switch {
	case errors.Is(err, fs.ErrPermission):
		return nil, usageError{fmt.Errorf("the data directory %s %w: "+
			"run the command as that user, or set --url and a token", dataDir, errOtherUser)}
	case errors.Is(err, socket.ErrNone):
		return nil, usageError{fmt.Errorf("%w in the data directory %s: start it with 'ledgerboard serve', "+
			"or set --data-dir to the data directory of a running service, or --url to its address", err, dataDir)}
	case errors.Is(err, socket.ErrSilent):
		return nil, fmt.Errorf("the service of %s is stopped or busy: %w", dataDir, err)
	case err != nil:
		return nil, fmt.Errorf("look for a service: %w", err)
	}
	return &http.Client{Transport: socket.Transport(name)}, nil
}

// maxTries limits how often a request is sent again to another process.
const maxTries = 5

// open sends a request and returns a successful response, whose body the caller closes.
func (c client) open(ctx context.Context, method, path string, query url.Values, body any) (*http.Response, error) {
	response, err := c.do(ctx, method, path, query, body)
	if err == nil && response.StatusCode != http.StatusOK {
		defer response.Body.Close()
		return nil, refusal(response)
	}
	return response, err
}

// do sends a request and returns a response of any status, whose body the caller closes.
func (c client) do(ctx context.Context, method, path string, query url.Values, body any) (*http.Response, error) {
	var content []byte
	header := c.header.Clone()
	if body != nil {
		var err error
		if content, err = json.Marshal(body); err != nil {
			return nil, fmt.Errorf("encode request: %w", err)
		}
		header.Set("Content-Type", "application/json")
	}
	target := c.base.JoinPath(path)
	target.RawQuery = query.Encode()
	send := func() (*http.Response, error) {
		request, err := http.NewRequestWithContext(ctx, method, target.String(), bytes.NewReader(content))
		if err != nil {
			return nil, err
		}
		request.Header = header
		return c.http.Do(request)
	}
	response, err := send()
	// If the process has just stopped, another one answers. An action is sent again only if it was not
	// sent.
	for tries := 0; err != nil && tries < maxTries && c.again != nil && ctx.Err() == nil && (method == http.MethodGet || notSent(err)); tries++ {
		if c.http, err = c.again(ctx); err == nil {
			response, err = send()
		}
	}
	switch {
	case err != nil && method != http.MethodGet && !notSent(err):
		return nil, fmt.Errorf("the outcome is unknown, see 'ledgerboard actions': send request to %s: %w", c.base.Host, err)
	case err != nil:
		return nil, fmt.Errorf("send request to %s: %w", c.base.Host, err)
	}
	return response, nil
}

// notSent reports whether a request failed because there was no connection.
func notSent(err error) bool {
	failed, ok := errors.AsType[*net.OpError](err)
	return ok && failed.Op == "dial"
}

// download writes the body of a response to out and returns its header.
func (c client) download(
	ctx context.Context, method, path string, query url.Values, body any, out io.Writer,
) (http.Header, error) {
	response, err := c.open(ctx, method, path, query, body)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	if _, err := io.Copy(out, response.Body); err != nil {
		return nil, fmt.Errorf("read response from %s: %w", c.base.Host, err)
	}
	return response.Header, nil
}

type envelope[T any] struct {
	Data *T `json:"data"`
	Meta struct {
		Next       string `json:"next_cursor"`
		Incomplete string `json:"incomplete"`
	} `json:"meta"`
}

func send[T any](ctx context.Context, c client, method, path string, query url.Values, body any) (answer envelope[T], err error) {
	for tries := 0; ; tries++ {
		response, err := c.open(ctx, method, path, query, body)
		if err != nil {
			return answer, err
		}
		err = json.NewDecoder(response.Body).Decode(&answer)
		response.Body.Close()
		switch stopped := errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, syscall.ECONNRESET); {
		case stopped && method == http.MethodGet && c.again != nil && tries < maxTries:
			continue // another process answers if this one is gone
		case err == nil && answer.Data == nil:
			err = errors.New("data is missing")
		}
		if err != nil {
			err = fmt.Errorf("the response is not from ledgerboard: %w", err)
		}
		return answer, err
	}
}

func fetch[T any](ctx context.Context, c client, path string) (data T, err error) {
	answer, err := send[T](ctx, c, http.MethodGet, path, nil, nil)
	if err == nil {
		data = *answer.Data
	}
	return data, err
}

// act sends an operator's action.
func act[T any](ctx context.Context, c client, path string, reason domain.Reason) (data T, err error) {
	return post[T](ctx, c, path, because(reason))
}

func post[T any](ctx context.Context, c client, path string, body map[string]any) (data T, err error) {
	answer, err := send[T](ctx, c, http.MethodPost, path, nil, body)
	if err == nil {
		data = *answer.Data
	}
	return data, err
}

// because is the body of an action.
func because(reason domain.Reason) map[string]any {
	return map[string]any{"reason": reason.String()}
}

// done is the result of an action that has no other one.
type done struct{}

// maxPage is the largest number of entries that a page of a list has.
const maxPage = 500

// list returns the entries of all pages of a list, but at most limit if it is not 0.
func list[T any](ctx context.Context, c client, path string, query url.Values, limit int) (all []T, incomplete string, err error) {
	for {
		size := maxPage
		if limit > 0 {
			size = min(size, limit-len(all))
		}
		query.Set("limit", strconv.Itoa(size))
		page, err := send[[]T](ctx, c, http.MethodGet, path, query, nil)
		if err != nil {
			return nil, "", err
		}
		all, incomplete = append(all, *page.Data...), page.Meta.Incomplete
		if page.Meta.Next == "" || len(all) == limit {
			return all, incomplete, nil
		}
		query.Set("cursor", page.Meta.Next)
	}
}

func refusal(response *http.Response) error {
	var body struct {
		Message string      `json:"message"`
		Code    domain.Code `json:"code"`
		Errors  []struct {
			Field  string `json:"field"`
			Detail string `json:"detail"`
		} `json:"errors"`
	}
	raw, _ := io.ReadAll(io.LimitReader(response.Body, 64<<10))
	if json.Unmarshal(raw, &body) != nil || body.Message == "" {
		return fmt.Errorf("the service responded %s", response.Status)
	}
	if response.StatusCode != http.StatusBadRequest || len(body.Errors) > 1 { // otherwise, the message has the only one
		for _, e := range body.Errors {
			body.Message += fmt.Sprintf(" (%s %s)", e.Field, e.Detail)
		}
	}
	err := fmt.Errorf("the service responded %s: %s", response.Status, plain(body.Message))
	switch body.Code {
	case domain.CodeInvalid, domain.CodeNotFound, domain.CodeUnprocessable:
		return usageError{err}
	default:
		return err
	}
}

type accessCommand struct {
	remote
	At        string `placeholder:"TIME" help:"Point in time: a day (its end, UTC), an RFC 3339 time, or a version (v12). Default without --from and --to: now."`
	From      string `placeholder:"TIME" help:"Include access that was valid at or after this time."`
	To        string `placeholder:"TIME" help:"Include access that was valid before this time. A day means its end."`
	User      string `help:"Include only this user, 24 hex digits."`
	Dashboard string `help:"Include only this dashboard: a sub-account, 24 hex digits."`
	By        string `enum:"dashboard,user" default:"dashboard" help:"Primary sort order: dashboard or user."`
	Format    string `enum:"csv,json" default:"csv" help:"Output format: csv, or json (one object per line)."`
}

var errIncomplete = errors.New("the response is incomplete")

func (a accessCommand) Run(ctx context.Context, std streams) error {
	query := url.Values{"format": {a.Format}, "by": {a.By}}
	if a.Format == "json" {
		query.Set("format", "jsonl")
	}
	for name, value := range map[string]string{
		"at": a.At, "from": a.From, "to": a.To, "user_id": a.User, "dashboard": a.Dashboard,
	} {
		if value != "" {
			query.Set(name, value)
		}
	}
	at, err := a.client()
	if err != nil {
		return err
	}
	header, err := at.download(ctx, http.MethodGet, "/api/audit/access/export", query, nil, std.Out)
	if err == nil {
		err = wholeAccess(header.Get("Export-Summary"))
	}
	return interruptedError(ctx, err, "the printed output is incomplete")
}

// wholeAccess returns an error unless the summary of an export says that the export is complete.
func wholeAccess(summary string) error {
	var about struct {
		Complete *bool  `json:"complete"`
		Reason   string `json:"reason"`
	}
	if json.Unmarshal([]byte(summary), &about) != nil || about.Complete == nil {
		return errIncomplete
	}
	if !*about.Complete {
		return fmt.Errorf("%w: %s", errIncomplete, plain(about.Reason))
	}
	return nil
}

type checkpointsCommand struct{ remote }

// Run prints the signed notes, newest first, each followed by an empty line.
func (c checkpointsCommand) Run(ctx context.Context, std streams) error {
	return interruptedError(ctx, c.print(ctx, std.Out), "the printed output is incomplete")
}

func (c checkpointsCommand) print(ctx context.Context, out io.Writer) error {
	at, err := c.client()
	if err != nil {
		return err
	}
	notes, _, err := list[struct {
		Note string `json:"note"`
	}](ctx, at, "/api/audit/checkpoints", url.Values{}, 0)
	if err != nil {
		return err
	}
	for _, entry := range notes {
		for line := range strings.Lines(entry.Note) {
			// The text of a service must not control the terminal.
			fmt.Fprintln(out, plain(strings.TrimSuffix(line, "\n")))
		}
		fmt.Fprintln(out)
	}
	return nil
}
