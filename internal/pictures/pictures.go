package pictures

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
)

const (
	// MaxBytes is how long the answer with a picture may be.
	MaxBytes = 2 << 20

	patience = 15 * time.Second
)

// Config says where pictures may be.
type Config struct {
	// Hosts are the hosts of pictures, each with all names below it; nil: those of the platforms.
	Hosts []string
	// Transport asks for them; nil: the network, where public addresses alone are connected to.
	Transport http.RoundTripper
}

// platformHosts are the hosts at which the platforms' answers place pictures. The platforms document none of them, and say that the addresses end:
// a picture at another host is not taken, and a letter is drawn in its place.
func platformHosts() (hosts []string) {
	for _, p := range domain.Platforms() {
		hosts = append(hosts, p.Facts().PictureHosts...)
	}
	return hosts
}

// What is wrong with a picture for good: asking again does not help.
var (
	// ErrAddress: the address is not one of a platform's host.
	ErrAddress = errors.New("its address is of no platform's host")
	// ErrGone: the host has it no more, or not for us.
	ErrGone = errors.New("its host does not have it, or not any more")
	// ErrNoImage: what came is no picture, or one with too many bytes or pixels.
	ErrNoImage = errors.New("what came is no picture that can be drawn")
)

// ForGood tells whether asking again is in vain.
func ForGood(err error) bool {
	return errors.Is(err, ErrAddress) || errors.Is(err, ErrGone) || errors.Is(err, ErrNoImage)
}

// Taker takes pictures. It may be used at once by many.
type Taker struct {
	hosts  []string
	client *http.Client
}

// New returns a taker.
func New(c Config) *Taker {
	if c.Hosts == nil {
		c.Hosts = platformHosts()
	}
	return &Taker{c.Hosts, &http.Client{
		Transport:     cmp.Or[http.RoundTripper](c.Transport, publicOnly()),
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Timeout:       patience,
	}}
}

// Take returns the picture at an address, drawn anew. [ForGood] tells whether an error stays.
func (t *Taker) Take(ctx context.Context, address string) ([]byte, error) {
	if !t.allowed(address) {
		return nil, ErrAddress
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	raw, err := t.ask(ctx, address)
	if err != nil {
		return nil, err
	}
	return redraw(ctx, raw)
}

// allowed tells whether an address is one of a host of pictures, over HTTPS.
func (t *Taker) allowed(address string) bool {
	at, err := url.Parse(address)
	if err != nil || at.Scheme != "https" || at.User != nil || at.Port() != "" && at.Port() != "443" {
		return false
	}
	host := strings.ToLower(at.Hostname())
	return slices.ContainsFunc(t.hosts, func(known string) bool { return host == known || strings.HasSuffix(host, "."+known) })
}

func (t *Taker) ask(ctx context.Context, address string) ([]byte, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, address, http.NoBody)
	if err != nil {
		return nil, ErrAddress
	}
	r.Header.Set("Accept", "image/jpeg, image/png, image/webp, image/gif")
	answer, err := t.client.Do(r)
	if err != nil {
		return nil, fmt.Errorf("ask for a picture: %w", withoutAddress(err))
	}
	defer answer.Body.Close()
	switch {
	case answer.StatusCode == http.StatusTooManyRequests || answer.StatusCode >= http.StatusInternalServerError:
		return nil, fmt.Errorf("ask for a picture: its host answers %d", answer.StatusCode)
	case answer.StatusCode != http.StatusOK: // redirects, too: the platforms' addresses lead nowhere else
		return nil, fmt.Errorf("%w: it answers %d", ErrGone, answer.StatusCode)
	case answer.ContentLength > MaxBytes:
		return nil, fmt.Errorf("%w: it has more than %d bytes", ErrNoImage, MaxBytes)
	}
	raw, err := io.ReadAll(io.LimitReader(answer.Body, MaxBytes+1))
	if err != nil {
		return nil, fmt.Errorf("read a picture: %w", withoutAddress(err))
	}
	if len(raw) > MaxBytes {
		return nil, fmt.Errorf("%w: it has more than %d bytes", ErrNoImage, MaxBytes)
	}
	return raw, nil
}

// withoutAddress takes the address out of an error of the HTTP client.
func withoutAddress(err error) error {
	if at, ok := errors.AsType[*url.Error](err); ok {
		return at.Err
	}
	return err
}
