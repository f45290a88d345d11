package pictures

import (
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"syscall"
	"time"
)

// publicOnly connects to public addresses alone.
func publicOnly() *http.Transport {
	dialer := &net.Dialer{Timeout: patience, Control: func(_, address string, _ syscall.RawConn) error { return judgeAddress(address) }}
	return &http.Transport{
		DialContext: dialer.DialContext, TLSHandshakeTimeout: patience, ResponseHeaderTimeout: patience, IdleConnTimeout: time.Minute,
		DisableCompression: true, ForceAttemptHTTP2: true, MaxResponseHeaderBytes: 64 << 10,
	}
}

// judgeAddress refuses an address that is about to be dialled, unless it is public.
func judgeAddress(address string) error {
	at, err := netip.ParseAddrPort(address)
	if err != nil || !public(at.Addr()) {
		return fmt.Errorf("%w: its name leads to an address that is not public", ErrAddress)
	}
	return nil
}

// special are the networks that lead to no public host, beside those that netip knows: IANA's registries of special-purpose addresses.
// Those of IPv6 that hold an IPv4 address in them are among them, because that one would not be looked at.
var special = prefixes(
	"0.0.0.0/8", "100.64.0.0/10", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "240.0.0.0/4",
	"::/8", "100::/64", "2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20", "5f00::/16", "fec0::/10",
)

func prefixes(texts ...string) []netip.Prefix {
	all := make([]netip.Prefix, len(texts))
	for i, text := range texts {
		all[i] = netip.MustParsePrefix(text)
	}
	return all
}

// public tells whether an address is one of the public network.
func public(at netip.Addr) bool {
	at = at.Unmap()
	return at.IsGlobalUnicast() && !at.IsPrivate() && at.Zone() == "" &&
		!slices.ContainsFunc(special, func(p netip.Prefix) bool { return p.Contains(at) })
}
