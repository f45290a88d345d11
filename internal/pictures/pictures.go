package pictures

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
)

const (
	// MaxBytes is the maximum size of a downloaded picture.
	MaxBytes = 2 << 20

	timeLimit = 15 * time.Second
)

// Config configures where pictures may come from.
type Config struct {
	// Hosts are the allowed hosts, each with all subdomains. If it is nil, these are the platforms'
	// hosts.
	Hosts []string
	// Transport makes the requests. If it is nil, connections are made only to public addresses, or
	// through the proxy that HTTPS_PROXY names, which then decides what it reaches.
	Transport http.RoundTripper
}

// Permanent failures of a picture: a retry does not help.
var (
	// ErrAddress means that the URL is not on an allowed host.
	ErrAddress = errors.New("the picture's URL is not on an allowed host")
	// ErrGone means that the host no longer has the picture, or refuses to serve it.
	ErrGone = errors.New("the host does not serve the picture")
	// ErrNoImage means that the response is not a picture, or has too many bytes or pixels.
	ErrNoImage = errors.New("the response is not a usable picture")
)

// IsPermanent reports whether the failure is permanent.
func IsPermanent(err error) bool {
	return errors.Is(err, ErrAddress) || errors.Is(err, ErrGone) || errors.Is(err, ErrNoImage)
}

// Taker downloads pictures. It is safe for concurrent use.
type Taker struct {
	hosts  []string
	client *http.Client
}

// New returns a Taker.
func New(c Config) *Taker {
	// The platforms do not document these hosts. A picture on another host is not downloaded, and a
	// placeholder is shown instead.
	if c.Hosts == nil {
		for _, p := range domain.Platforms() {
			c.Hosts = append(c.Hosts, p.Facts().PictureHosts...)
		}
	}
	return &Taker{c.Hosts, &http.Client{
		Transport:     cmp.Or(c.Transport, publicOnly()),
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Timeout:       timeLimit,
	}}
}

// Take downloads the picture at a URL and returns it as a small JPEG. [IsPermanent] reports whether
// a retry is useless.
func (t *Taker) Take(ctx context.Context, address string) ([]byte, error) {
	if !t.allowed(address) {
		return nil, ErrAddress
	}
	ctx, cancel := context.WithTimeout(ctx, timeLimit)
	defer cancel()
	raw, err := t.ask(ctx, address)
	if err != nil {
		return nil, err
	}
	return redraw(ctx, raw)
}

func (t *Taker) allowed(address string) bool {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "https" || u.User != nil || u.Port() != "" && u.Port() != "443" {
		return false
	}
	host := strings.ToLower(u.Hostname())
	return slices.ContainsFunc(t.hosts, func(allowed string) bool {
		return host == allowed || strings.HasSuffix(host, "."+allowed)
	})
}

func (t *Taker) ask(ctx context.Context, address string) ([]byte, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, address, http.NoBody)
	if err != nil {
		return nil, ErrAddress
	}
	r.Header.Set("Accept", "image/jpeg, image/png, image/webp, image/gif")
	answer, err := t.client.Do(r)
	if err != nil {
		return nil, fmt.Errorf("request a picture: %w", withoutAddress(err))
	}
	defer answer.Body.Close()
	switch {
	case answer.StatusCode == http.StatusTooManyRequests || answer.StatusCode >= http.StatusInternalServerError:
		return nil, fmt.Errorf("request a picture: the host returned status %d", answer.StatusCode)
	case answer.StatusCode != http.StatusOK: // including redirects, which the platforms do not use
		return nil, fmt.Errorf("%w: status %d", ErrGone, answer.StatusCode)
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

// withoutAddress removes the URL, which is signed, from an error of the HTTP client.
func withoutAddress(err error) error {
	if urlErr, ok := errors.AsType[*url.Error](err); ok {
		return urlErr.Err
	}
	return err
}

// publicOnly returns the transport that [Config.Transport] describes.
func publicOnly() http.RoundTripper {
	dialer := &net.Dialer{Timeout: timeLimit, Control: func(_, address string, _ syscall.RawConn) error {
		return checkAddress(address)
	}}
	direct := &http.Transport{
		DialContext: dialer.DialContext, TLSHandshakeTimeout: timeLimit, ResponseHeaderTimeout: timeLimit,
		IdleConnTimeout: time.Minute, DisableCompression: true, ForceAttemptHTTP2: true,
		MaxResponseHeaderBytes: 64 << 10,
	}
	proxied := direct.Clone()
	proxied.Proxy, proxied.DialContext = http.ProxyFromEnvironment, nil // a proxy may have a private address
	return unlessProxied{proxied, direct}
}

// unlessProxied sends requests directly for which no proxy is configured.
type unlessProxied struct{ proxied, direct http.RoundTripper }

func (u unlessProxied) RoundTrip(r *http.Request) (*http.Response, error) {
	if proxy, err := http.ProxyFromEnvironment(r); proxy != nil || err != nil {
		return u.proxied.RoundTrip(r) //nolint:wrapcheck // the transport's own error
	}
	return u.direct.RoundTrip(r) //nolint:wrapcheck // the transport's own error
}

// checkAddress returns an error if an address that is about to be dialed is not public.
func checkAddress(address string) error {
	at, err := netip.ParseAddrPort(address)
	ip := at.Addr().Unmap()
	inSpecial := slices.ContainsFunc(special, func(p netip.Prefix) bool { return p.Contains(ip) })
	if err != nil || !ip.IsGlobalUnicast() || ip.IsPrivate() || ip.Zone() != "" || inSpecial {
		return fmt.Errorf("%w: the host name resolves to an address that is not public", ErrAddress)
	}
	return nil
}

// special contains the networks without public hosts from IANA's registries of special-purpose
// addresses, except those that netip knows. It includes the IPv6 networks that embed an IPv4
// address, because the embedded address is not checked.
var special = prefixes(
	"0.0.0.0/8", "100.64.0.0/10", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "198.18.0.0/15", "198.51.100.0/24",
	"203.0.113.0/24", "240.0.0.0/4",
	"::/8", "100::/64", "2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20", "5f00::/16", "fec0::/10",
)

func prefixes(texts ...string) []netip.Prefix {
	all := make([]netip.Prefix, len(texts))
	for i, text := range texts {
		all[i] = netip.MustParsePrefix(text)
	}
	return all
}
