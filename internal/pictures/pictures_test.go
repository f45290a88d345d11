package pictures_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/base64"
	"encoding/binary"
	"hash/crc32"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"image/png"
	"net"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/internal/pictures"
)

const address = "https://scontent-fra3-1.cdninstagram.com/v/t51/1.jpg?oh=signed"

// hostOf returns a Taker that reaches the test server under every host name.
func hostOf(t *testing.T, serve http.HandlerFunc) *pictures.Taker {
	t.Helper()
	server := httptest.NewTLSServer(serve)
	t.Cleanup(server.Close)
	transport := &http.Transport{
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true},
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, network, server.Listener.Addr().String())
		},
	}
	t.Cleanup(transport.CloseIdleConnections)
	return pictures.New(pictures.Config{Transport: transport})
}

// drawn returns a picture with two colors.
func drawn(width, height int) image.Image {
	m := image.NewPaletted(image.Rect(0, 0, width, height), color.Palette{color.White, color.RGBA{200, 30, 30, 255}})
	for x := range width / 2 {
		for y := range height {
			m.SetColorIndex(x, y, 1)
		}
	}
	return m
}

func encoded(t *testing.T, width, height int) []byte {
	t.Helper()
	var out bytes.Buffer
	require.NoError(t, png.Encode(&out, drawn(width, height)))
	return out.Bytes()
}

func requireJPEG(t *testing.T, picture []byte, width, height int) image.Image {
	t.Helper()
	m, err := jpeg.Decode(bytes.NewReader(picture))
	require.NoError(t, err)
	require.Equal(t, image.Pt(width, height), m.Bounds().Size())
	return m
}

// Every format becomes a JPEG of at most 320 pixels, with nothing of the original except its
// appearance.
func TestPicturesAreReencodedSmall(t *testing.T) {
	t.Parallel()
	var asJPEG, asGIF bytes.Buffer
	require.NoError(t, jpeg.Encode(&asJPEG, drawn(640, 1280), nil))
	withMetadata := append([]byte{0xff, 0xd8, 0xff, 0xe1, 0, 16}, "Exif\x00\x00 a place"[:14]...) // metadata of a camera
	withMetadata = append(withMetadata, asJPEG.Bytes()[2:]...)
	require.NoError(t, gif.Encode(&asGIF, drawn(100, 50), nil))
	webp, err := base64.StdEncoding.DecodeString("UklGRhoAAABXRUJQVlA4TA0AAAAvAAAAEAcQERGIiP4HAA==")
	require.NoError(t, err)
	for name, c := range map[string]struct {
		raw           []byte
		width, height int
	}{
		"jpeg": {withMetadata, 160, 320}, "png": {encoded(t, 1000, 500), 320, 160}, "gif": {asGIF.Bytes(), 100, 50}, "webp": {webp, 1, 1},
		"a line": {encoded(t, 4000, 1), 320, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var accepted atomic.Value
			taker := hostOf(t, func(w http.ResponseWriter, r *http.Request) {
				accepted.Store(r.Header.Get("Accept"))
				w.Header().Set("Content-Type", "application/octet-stream")
				_, _ = w.Write(c.raw)
			})
			picture, err := taker.Take(t.Context(), address)
			require.NoError(t, err)
			requireJPEG(t, picture, c.width, c.height)
			require.NotContains(t, string(picture), "a place")
			require.NotContains(t, accepted.Load(), "svg")
		})
	}
	m := requireJPEG(t, must(pictures.Redraw(t.Context(), encoded(t, 640, 640))), 320, 320)
	r, g, _, _ := m.At(40, 160).RGBA()
	require.Greater(t, r, 2*g, "the left half is red")
	right := color.RGBAModel.Convert(m.At(280, 160)).(color.RGBA) //nolint:forcetypeassert // its own model
	require.Greater(t, right.G, uint8(0xe0), "the right half is white")
}

func must(picture []byte, err error) []byte {
	if err != nil {
		panic(err)
	}
	return picture
}

// Only the platforms' hosts, HTTPS and the standard port are used.
func TestOnlyPlatformHostsAreRequested(t *testing.T) {
	t.Parallel()
	var asked atomic.Int64
	taker := hostOf(t, func(w http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		_, _ = w.Write(encoded(t, 2, 2))
	})
	for _, refused := range []string{
		"", "://", "http://scontent.cdninstagram.com/1.jpg", "https://cdninstagram.com.evil.example/1.jpg", "https://evilcdninstagram.com/1.jpg",
		"https://evil.example/scontent.cdninstagram.com", "https://scontent.cdninstagram.com:8443/1.jpg", "https://cdninstagram.com@evil.example/",
		"https://user@scontent.cdninstagram.com/1.jpg", "https://127.0.0.1/1.jpg", "https://[::1]/1.jpg", "https://169.254.169.254/latest/meta-data",
		"file:///etc/passwd", "https://www.licdn.com/1.jpg", "https://localhost/1.jpg", "//scontent.cdninstagram.com/1.jpg",
	} {
		_, err := taker.Take(t.Context(), refused)
		require.ErrorIs(t, err, pictures.ErrAddress, refused)
		require.True(t, pictures.IsPermanent(err), refused)
	}
	require.Zero(t, asked.Load())
	for _, good := range []string{
		address, "https://media.licdn.com/1", "https://SCONTENT.xx.fbcdn.net/1", "https://p16-sign-va.tiktokcdn.com/1", "https://p19.tiktokcdn-us.com:443/1",
		"https://p77.tiktokcdn-eu.com/1",
	} {
		_, err := taker.Take(t.Context(), good)
		require.NoError(t, err, good)
	}
}

// A name that resolves to our own network is not connected to: the dialed address is checked, not
// the URL.
func TestPictureHostResolvingToLoopbackIsRefused(t *testing.T) {
	t.Parallel()
	_, err := pictures.New(pictures.Config{Hosts: []string{"localhost"}}).Take(t.Context(), "https://localhost/1.jpg?oh=signed")
	require.ErrorIs(t, err, pictures.ErrAddress)
	require.NotContains(t, err.Error(), "signed")
}

func TestPictureDownloadDialsOnlyPublicAddresses(t *testing.T) {
	t.Parallel()
	for _, refused := range []string{
		"127.0.0.1", "127.8.8.8", "0.0.0.0", "0.1.2.3", "10.1.2.3", "172.16.0.1", "172.31.255.255", "192.168.1.1", "169.254.169.254", "100.64.0.1",
		"192.0.0.1", "192.0.2.1", "198.18.0.1", "203.0.113.9", "224.0.0.1", "240.0.0.1", "255.255.255.255", "::", "::1", "fe80::1", "fe80::1%eth0",
		"fc00::1", "fd12::1", "ff02::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::7f00:1", "64:ff9b:1::1", "::7f00:1", "::10.0.0.1", "::ffff:0:7f00:1", "2002:7f00:1::", "2001:db8::1", "2001::1", "fec0::1",
	} {
		require.ErrorIs(t, pictures.CheckAddress(net.JoinHostPort(refused, "443")), pictures.ErrAddress, refused)
	}
	require.ErrorIs(t, pictures.CheckAddress("localhost:443"), pictures.ErrAddress, "not an IP address")
	for _, public := range []string{"157.240.20.52", "172.32.0.1", "2a03:2880:f12d:83:face:b00c:0:25de", "::ffff:157.240.20.52"} {
		require.NoError(t, pictures.CheckAddress(net.JoinHostPort(public, "443")), public)
	}
}

// An answer that is not a picture of a reasonable size is refused, permanently or until a retry.
func TestInvalidPicturesAreRefused(t *testing.T) {
	t.Parallel()
	var elsewhere atomic.Int64
	status := func(code int) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }
	}
	says := func(body []byte, header ...string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			if len(header) > 0 {
				w.Header().Set(header[0], header[1])
			}
			_, _ = w.Write(body)
		}
	}
	small, whole := encoded(t, 2, 2), encoded(t, 300, 300)
	for name, c := range map[string]struct {
		serve   http.HandlerFunc
		is      error
		forGood bool
	}{
		"leads elsewhere": {func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/elsewhere" {
				elsewhere.Add(1)
			}
			http.Redirect(w, r, "https://scontent.cdninstagram.com/elsewhere", http.StatusFound)
		}, pictures.ErrGone, true},
		"gone":        {status(http.StatusForbidden), pictures.ErrGone, true},
		"too many":    {status(http.StatusTooManyRequests), nil, false},
		"unavailable": {status(http.StatusBadGateway), nil, false},
		"cut": {func(w http.ResponseWriter, r *http.Request) {
			says(small, "Content-Length", "5000")(w, r)
			panic(http.ErrAbortHandler)
		}, nil, false},
		"half a picture":        {says(whole[:len(whole)/2]), pictures.ErrNoImage, true},
		"declares a large size": {says(small, "Content-Length", "3000000"), pictures.ErrNoImage, true},
		"is large": {func(w http.ResponseWriter, r *http.Request) {
			w.(http.Flusher).Flush() // without a content length
			says(append(bytes.Clone(small), make([]byte, pictures.MaxBytes)...))(w, r)
		}, pictures.ErrNoImage, true},
		"a page":    {says([]byte("<html>Sign in</html>")), pictures.ErrNoImage, true},
		"a drawing": {says([]byte(`<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>`)), pictures.ErrNoImage, true},
		"empty":     {func(http.ResponseWriter, *http.Request) {}, pictures.ErrNoImage, true},
		"a bomb":    {says(bomb(60_000, 60_000)), pictures.ErrNoImage, true},
		"squeezed":  {says(small[:20], "Content-Encoding", "gzip"), nil, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			taker := hostOf(t, c.serve)
			_, err := taker.Take(t.Context(), address)
			require.Error(t, err)
			if c.is != nil {
				require.ErrorIs(t, err, c.is)
			}
			if name == "a bomb" {
				require.ErrorContains(t, err, "60000 by 60000 pixels", "refused before decoding")
			}
			if name != "squeezed" {
				require.Equal(t, c.forGood, pictures.IsPermanent(err), err)
			}
			require.NotContains(t, err.Error(), "signed", "URLs identify their owner")
			require.NotContains(t, err.Error(), "/t51/", "the same")
		})
	}
	t.Cleanup(func() {
		if n := elsewhere.Load(); n != 0 {
			t.Errorf("a redirect was followed %d times", n)
		}
	})
}

// bomb returns a small PNG that declares very many pixels.
func bomb(width, height uint32) []byte {
	head := binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32([]byte("IHDR"), width), height)
	head = append(head, 8, 6, 0, 0, 0)
	out := append([]byte("\x89PNG\r\n\x1a\n"), 0, 0, 0, 13)
	out = append(out, head...)
	return binary.BigEndian.AppendUint32(out, crc32.ChecksumIEEE(head))
}

// Decoding ends at its deadline: the cost of a picture does not depend on its bytes.
func TestPictureDecodingTimesOut(t *testing.T) {
	t.Parallel()
	over, end := context.WithCancel(t.Context())
	end()
	_, err := pictures.Redraw(over, encoded(t, 300, 300))
	require.ErrorIs(t, err, context.Canceled)
}

func FuzzReencodePicture(f *testing.F) {
	var asJPEG bytes.Buffer
	require.NoError(f, jpeg.Encode(&asJPEG, drawn(20, 20), nil))
	f.Add(asJPEG.Bytes())
	f.Add(bomb(3, 3))
	f.Fuzz(func(t *testing.T, raw []byte) {
		picture, err := pictures.Redraw(t.Context(), raw)
		if err == nil {
			m, err := jpeg.Decode(bytes.NewReader(picture))
			require.NoError(t, err)
			require.LessOrEqual(t, max(m.Bounds().Dx(), m.Bounds().Dy()), pictures.MaxSide)
		}
	})
}
