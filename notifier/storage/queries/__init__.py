"""The read side: plain SQL that answers with the views of `storage.views`, one module per question."""
