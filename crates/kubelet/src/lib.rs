//! kubelet
mod streaming;
