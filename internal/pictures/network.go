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

// publicOnly returns a transport that connects to public addresses only.
func publicOnly() *http.Transport {
	dialer := &net.Dialer{Timeout: patience, Control: func(_, address string, _ syscall.RawConn) error { return checkAddress(address) }}
	return &http.Transport{
		DialContext: dialer.DialContext, TLSHandshakeTimeout: patience, ResponseHeaderTimeout: patience, IdleConnTimeout: time.Minute,
		DisableCompression: true, ForceAttemptHTTP2: true, MaxResponseHeaderBytes: 64 << 10,
	}
}

// checkAddress refuses an address that is about to be dialed, unless it is public.
func checkAddress(address string) error {
	at, err := netip.ParseAddrPort(address)
	if err != nil || !isPublicIP(at.Addr()) {
		return fmt.Errorf("%w: its host name resolves to an address that is not public", ErrAddress)
	}
	return nil
}

// special are the networks without public hosts, in addition to those that netip knows, from IANA's
// registries of special-purpose addresses. They include the IPv6 networks that embed an IPv4
// address, because the embedded address is not checked.
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

// isPublicIP reports whether an address belongs to the public network.
func isPublicIP(addr netip.Addr) bool {
	addr = addr.Unmap()
	return addr.IsGlobalUnicast() && !addr.IsPrivate() && addr.Zone() == "" &&
		!slices.ContainsFunc(special, func(p netip.Prefix) bool { return p.Contains(addr) })
}
