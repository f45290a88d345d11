// Package pictures takes the picture of a post from a platform's host and draws it anew, small.
//
// # Invariants
//
//   - What is asked for lies at a host of the platforms ([Config].Hosts), over HTTPS, at the standard port. No redirect is followed.
//   - A connection is made to public addresses only, whatever a name resolves to: the address is judged when it is dialled, and
//     nothing resolves the name again after that.
//   - An answer has 2 MiB at most and comes within a bound, and so does its decoding. How many pixels it has is judged before one is
//     decoded.
//   - What comes out is a JPEG of our own encoding, 320 pixels at most each way: nothing of what was taken is passed on as it was,
//     and no place, time or device that a camera noted.
//   - No error names an address: those of pictures are signed, and say whose they are.
//
// It may not import any other package of this module.
//
// # Non-obvious
//
//   - Proxies of the environment are not used: one would resolve the name behind our back.
//   - A picture may be a progressive JPEG of very many scans, each of which costs all of its pixels: the decoder is ended by its
//     reader, which has a deadline.
//   - Which decoder it is says the content, not the header: platforms name types freely.
package pictures
