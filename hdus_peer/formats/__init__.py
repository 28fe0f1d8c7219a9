"""What both the trainer child and the command line read: pictures and rows, in the form of the task.

    pictures      one picture file as an array of the task's shape
    cells         a column of text as numbers: what its feature, class or group says, and nothing else
    columns       which columns a task's samples and labels are made of
    csv_table     the columns of a CSV file
    standardise   raw values as the models see them

Rules
1. What is learned from and what is predicted go through the same code, so that a sample means the same in both.
2. Everything follows from the task; nothing is inferred from the file. What does not fit is a DataError that names the
   file, the line and the column, and says what to do; nothing is dropped, guessed or filled in.
3. Files are data: nothing here can run code that a file brings, and sizes are bounded before anything is decoded.

Absent on purpose: formats that only the trainer reads (see `learning.sources`).
"""
