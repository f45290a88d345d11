// Package socket connects commands to the processes of a data directory over Unix sockets.
//
// # Invariants
//
//   - Only the user who runs the process, and root, can open the directory of the sockets. The
//     server learns the user id of each peer from the kernel.
//   - The directory is changed only while its lock is held. A process removes its own socket; a
//     socket without a process is removed by the next process or command that finds it.
//   - A socket has the name <pid>.sock. If its path would be too long for the kernel, this name is a
//     symbolic link to a socket in $XDG_RUNTIME_DIR.
//
// It knows nothing about what is sent over the sockets, except that it is HTTP.
package socket
